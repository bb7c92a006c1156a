-- Look up what a collection is attached to, as attaching online does: the table and the SQL that
-- was declared mean what the search_path makes of them here. What is found is kept for the
-- statements that follow, which are executed with it.
DO $the_body_of_a_script_that_looks_a_table_up_between_tags_longer_than_63_bytes$
DECLARE
    _path text := pg_catalog.current_setting('search_path');
    _source oid := pg_catalog.to_regclass({source_text});
    _wanted text[] := {keys};
    _declared jsonb := {types};
    _read text[] := {columns};
    _content text[] := {content_columns};
    _content_sql text;
    _where text[] := '{{}}';
    _where_sql text;
    _keys text[];
    _types jsonb;
    _schema text;
    _secured boolean;
    _written text;
    _columns text[];
    _volatile text[];
    _type text;
    _problem text;
BEGIN
    IF pg_catalog.current_setting('server_version_num')::integer < 150000 THEN
        RAISE EXCEPTION 'Attaching to a table needs PostgreSQL 15 or newer.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension e
                     JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
                    WHERE e.extname = 'vector' AND n.nspname = {vector_schema}) THEN
        RAISE EXCEPTION 'pgvector is not in the schema %.', {vector_schema}
            USING HINT = 'Write the script with context.configure(embeddb_vector_schema=...).';
    END IF;
    SELECT n.nspname, c.relrowsecurity,
           CASE WHEN c.relkind NOT IN ('r', 'p') THEN 'is no table'
                WHEN c.relpersistence = 't' THEN 'is temporary'
                WHEN c.relispartition THEN 'is a partition: attach the table that it is of' END
      INTO _schema, _secured, _problem
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = _source;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table',
            MESSAGE = pg_catalog.format('There is no table %s.', {source_text});
    END IF;
    _problem := coalesce(_problem, (
        SELECT pg_catalog.format('has a partition that is a foreign table: %I', f.name)
          FROM ({followed}) f (schema, name, is_whole, kind)
         WHERE f.kind = 'f'
         LIMIT 1));
    _keys := ARRAY({key_names});
    IF _problem IS NULL AND _keys <> _wanted THEN
        _problem := 'has another primary key: ' || pg_catalog.array_to_string(_keys, ', ');
    ELSIF _problem IS NULL AND _secured AND {hidden}::text IS NOT NULL THEN
        _problem := 'has row-level security: ' || {hidden};
    END IF;
    _problem := coalesce(_problem, (
        SELECT pg_catalog.format('has no column %I of the type %s', d.key, d.value)
          FROM pg_catalog.jsonb_each_text(_declared) d
          LEFT JOIN pg_catalog.pg_attribute a
            ON a.attrelid = _source AND a.attname = d.key AND a.attnum > 0
         WHERE a.attname IS NULL OR a.atttypid <> pg_catalog.to_regtype(d.value)
         LIMIT 1));
    IF _problem IS NOT NULL THEN
        RAISE EXCEPTION '% %.', {source_text}, _problem
            USING HINT = 'Generate the revision anew, or attach the table online.';
    END IF;
{reading}
    _read := ARRAY(SELECT u.name
                     FROM pg_catalog.unnest(_content || _read || _where) WITH ORDINALITY u (name, place)
                    GROUP BY u.name ORDER BY pg_catalog.min(u.place));
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog', true);
    SELECT pg_catalog.jsonb_object_agg(t.name, t.type)
      INTO _types
      FROM ({column_types}) t (name, type)
     WHERE t.name = ANY (_keys || _read);
    PERFORM pg_catalog.set_config('search_path', _path, true);
    PERFORM pg_catalog.set_config('embeddb.script', pg_catalog.jsonb_build_object(
        'oid', _source::bigint,
        'source', pg_catalog.jsonb_build_object(
            'schema', _schema,
            'keys', (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                                'name', k.name, 'type', _types ->> k.name) ORDER BY k.place)
                       FROM pg_catalog.unnest(_keys) WITH ORDINALITY k (name, place)),
            'columns', _read,
            'types', _types,
            'content_sql', _content_sql,
            'where_sql', _where_sql,
            'content_columns', _content,
            'row_security', _secured),
        'texts', pg_catalog.jsonb_build_object(
            {schema_mark}, pg_catalog.replace(_schema, '"', '""'),
            {content_mark}, _content_sql,
            {where_mark}, _where_sql)
            || (SELECT pg_catalog.jsonb_object_agg({type_mark} || k.place || '_', _types ->> k.name)
                  FROM pg_catalog.unnest(_keys) WITH ORDINALITY k (name, place)))::text, true);
END
$the_body_of_a_script_that_looks_a_table_up_between_tags_longer_than_63_bytes$
