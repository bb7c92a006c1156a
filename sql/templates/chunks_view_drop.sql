-- Drop the view of a collection's chunks, if that is what has its name.
DO $the_body_of_a_script_that_drops_a_view_between_tags_longer_than_63_bytes$
BEGIN
    IF EXISTS (SELECT
                 FROM pg_catalog.pg_class c
                WHERE c.oid = pg_catalog.to_regclass({view_text}) AND c.relkind = 'v'
                  AND pg_catalog.starts_with(pg_catalog.obj_description(c.oid, 'pg_class'),
                                             {mark})) THEN
        DROP VIEW {view};
    END IF;
END
$the_body_of_a_script_that_drops_a_view_between_tags_longer_than_63_bytes$
