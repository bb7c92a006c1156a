-- Create the view of a collection's chunks, or point it at another generation. A view that is right
-- is left alone, since replacing one waits for everybody who reads it. So is a relation of that name
-- that is not embeddb's. Before PostgreSQL 15 no view is read as the caller, so there is none.
DO $the_body_of_a_script_that_makes_a_view_between_tags_longer_than_63_bytes$
DECLARE
    _comment text;
    _kind "char";
BEGIN
    IF pg_catalog.current_setting('server_version_num')::integer < 150000 THEN
        RETURN;
    END IF;
    SELECT c.relkind, pg_catalog.obj_description(c.oid, 'pg_class')
      INTO _kind, _comment
      FROM pg_catalog.pg_class c
     WHERE c.oid = pg_catalog.to_regclass({view_text});
    IF _kind <> 'v' OR _comment = {comment}
        OR _kind IS NOT NULL AND NOT coalesce(pg_catalog.starts_with(_comment, {mark}), false) THEN
        RETURN;
    END IF;
    CREATE OR REPLACE VIEW {view} WITH (security_invoker = true) AS
    SELECT {columns}
      FROM {chunks} c;
    COMMENT ON VIEW {view} IS {comment};
END
$the_body_of_a_script_that_makes_a_view_between_tags_longer_than_63_bytes$
