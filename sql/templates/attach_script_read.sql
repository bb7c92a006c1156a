    -- have Postgres keep the declared SQL on an empty table of the same columns, and read it back
    {copy_shape};
    CREATE TEMPORARY VIEW {typed} AS SELECT (
{expression}
    ) AS value FROM {probe};
    {keep_expression};
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog', true);
    SELECT k.written, k.columns, k.volatile, pg_catalog.format_type(a.atttypid, NULL)
      INTO _written, _columns, _volatile, _type
      FROM ({kept}) k (written, columns, volatile)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = {typed_text}::regclass AND a.attnum = 1;
    IF NOT _type = ANY ({allowed}) THEN
        RAISE EXCEPTION '% is of type %, not %.', {text}, _type, ({allowed})[1];
    ELSIF _volatile <> '{{}}' THEN
        RAISE EXCEPTION '% calls %, which gives another result each time.',
            {text}, pg_catalog.array_to_string(_volatile, ', ');
    ELSIF pg_catalog.array_position(_columns, NULL) IS NOT NULL THEN
        RAISE EXCEPTION '% reads whole rows: name the columns that it needs.', {text};
    ELSIF NOT _columns <@ ARRAY(SELECT pg_catalog.jsonb_array_elements_text({known})) THEN
        RAISE EXCEPTION '% reads columns that the declaration does not name: %.',
            {text}, pg_catalog.array_to_string(_columns, ', ')
            USING HINT = 'Name them in types=, as revision --autogenerate does.';
    END IF;
    {text_variable} := pg_catalog.substr(_written, 2,
        pg_catalog.length(_written) - pg_catalog.length({is_not_null}) - 1);
    {columns_variable} := _columns;
    DROP VIEW {typed};
    DROP TABLE {probe};
    PERFORM pg_catalog.set_config('search_path', _path, true);
