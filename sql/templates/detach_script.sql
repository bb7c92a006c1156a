-- Remove a collection, whatever it consists of: a script cannot ask, so it looks when it runs. It
-- fails where somebody else's view or function is made of something of it, as detaching online does.
DO $the_body_of_a_script_that_detaches_between_tags_longer_than_63_bytes$
DECLARE
    _name text := {name};
    _id bigint := (SELECT c.id FROM {collections} c WHERE c.name = {name});
    _tables text[] := (SELECT pg_catalog.array_agg(g.table_name) FROM {generations} g
                        WHERE g.collection_id = _id);
    _command text;
BEGIN
    IF _id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = pg_catalog.format('There is no collection %L.', _name);
    END IF;
    FOR _command IN
        WITH parts (kind, name, place, cascade) AS (
            SELECT 'FUNCTION', _name || u.suffix, 1, ''
              FROM pg_catalog.unnest(ARRAY['_search', '_similar']) u (suffix)
             UNION ALL
            SELECT 'VIEW', _name || {view_suffix}, 2, ''
             UNION ALL
            SELECT 'TABLE', t.name || u.suffix, 3, ''
              FROM pg_catalog.unnest(_tables) t (name)
             CROSS JOIN pg_catalog.unnest(ARRAY['', '_lists', '_words', '_codes']) u (suffix)
             UNION ALL
            SELECT 'FUNCTION', t.name || u.suffix, 4, ''
              FROM pg_catalog.unnest(_tables) t (name)
             CROSS JOIN pg_catalog.unnest(ARRAY['_code', '_project', '_table']) u (suffix)
             UNION ALL
            SELECT u.kind, _name, 5, '' FROM pg_catalog.unnest(ARRAY['VIEW', 'TABLE']) u (kind)
             UNION ALL
            -- what can depend on these is nothing but a trigger
            SELECT 'FUNCTION', _name || u.suffix, 6, ' CASCADE'
              FROM pg_catalog.unnest(ARRAY['_on_insert', '_on_update', '_on_delete',
                                           '_on_truncate']) u (suffix)
        ), found (kind, object, place, cascade) AS (
            SELECT p.kind, pg_catalog.format('%I.%I', n.nspname, c.relname), p.place, p.cascade
              FROM parts p
              JOIN pg_catalog.pg_class c
                ON c.relname = p.name
               AND (p.kind = 'VIEW' AND c.relkind = 'v' OR p.kind = 'TABLE' AND c.relkind IN ('r', 'p'))
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = {schema_name}
               AND (p.place <> 2
                    OR pg_catalog.starts_with(pg_catalog.obj_description(c.oid, 'pg_class'), {mark}))
             UNION ALL
            SELECT 'FUNCTION', f.oid::pg_catalog.regprocedure::text, p.place, p.cascade
              FROM pg_catalog.pg_proc f
              JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
              JOIN parts p ON p.kind = 'FUNCTION' AND p.name = f.proname
             WHERE n.nspname = {schema_name}
             UNION ALL
            SELECT 'FUNCTION', f.oid::pg_catalog.regprocedure::text, 7, ''
              FROM pg_catalog.pg_proc f
              JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
             WHERE n.nspname = {schema_name}
               AND pg_catalog.starts_with(f.proname::text, _name || '_key_')
               AND pg_catalog.substr(f.proname::text, pg_catalog.length(_name) + 6) ~ '^[0-9]+$'
             UNION ALL
            SELECT 'FUNCTION', f.oid::pg_catalog.regprocedure::text, 6, ' CASCADE'
              FROM pg_catalog.pg_proc f
              JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
             WHERE n.nspname = {schema_name}
               AND pg_catalog.starts_with(f.proname::text, _name || '_follows_')
               AND pg_catalog.substr(f.proname::text, pg_catalog.length(_name) + 10) ~ '^[0-9]+$'
        )
        SELECT pg_catalog.format('DROP %s %s%s', f.kind, f.object, f.cascade)
          FROM found f
         ORDER BY f.place
    LOOP
        EXECUTE _command;
    END LOOP;
    DELETE FROM {jobs} WHERE collection_id = _id;
    DELETE FROM {collections} WHERE id = _id;
END
$the_body_of_a_script_that_detaches_between_tags_longer_than_63_bytes$
