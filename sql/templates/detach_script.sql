-- Remove a collection, whatever it consists of: a script cannot ask, so it looks when it runs.
DO $the_body_of_a_script_that_detaches_between_tags_longer_than_63_bytes$
DECLARE
    _name text := {name};
    _id bigint := (SELECT c.id FROM {collections} c WHERE c.name = {name});
    _tables text[] := (SELECT pg_catalog.array_agg(g.table_name) FROM {generations} g
                        WHERE g.collection_id = _id);
    _oid oid;
    _kind text;
    _command text;
BEGIN
    IF _id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = pg_catalog.format('There is no collection %L.', _name);
    END IF;
    FOR _command IN
        SELECT pg_catalog.format('DROP %s IF EXISTS %I.%I CASCADE',
                   CASE r.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, {schema_name}, r.relname)
          FROM pg_catalog.pg_class r
          JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
         WHERE n.nspname = {schema_name} AND r.relkind IN ('v', 'r', 'p')
           AND (r.relname = _name
                OR r.relname = _name || {view_suffix} AND r.relkind = 'v'
                   AND pg_catalog.starts_with(pg_catalog.obj_description(r.oid, 'pg_class'), {mark})
                OR EXISTS (SELECT FROM pg_catalog.unnest(_tables) t (name)
                            WHERE r.relname IN (t.name, t.name || '_lists', t.name || '_words',
                                                t.name || '_codes')))
    LOOP
        EXECUTE _command;
    END LOOP;
    FOR _command IN
        SELECT pg_catalog.format('DROP FUNCTION IF EXISTS %s CASCADE', p.oid::pg_catalog.regprocedure)
          FROM pg_catalog.pg_proc p
          JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname = {schema_name}
           AND (p.proname = ANY (ARRAY[_name || '_search', _name || '_similar',
                                       _name || '_on_insert', _name || '_on_update',
                                       _name || '_on_delete', _name || '_on_truncate'])
                OR (pg_catalog.starts_with(p.proname::text, _name || '_follows_')
                    AND pg_catalog.substr(p.proname::text, pg_catalog.length(_name) + 10) ~ '^[0-9]+$')
                OR (pg_catalog.starts_with(p.proname::text, _name || '_key_')
                    AND pg_catalog.substr(p.proname::text, pg_catalog.length(_name) + 6) ~ '^[0-9]+$')
                OR EXISTS (SELECT FROM pg_catalog.unnest(_tables) t (name)
                            WHERE p.proname IN (t.name || '_code', t.name || '_project',
                                                t.name || '_table')))
    LOOP
        EXECUTE _command;
    END LOOP;
    DELETE FROM {jobs} WHERE collection_id = _id;
    DELETE FROM {collections} WHERE id = _id;
END
$the_body_of_a_script_that_detaches_between_tags_longer_than_63_bytes$
