    FOR _mark, _text IN
        SELECT pg_catalog.replace(f.schema, '"', '""'), pg_catalog.replace(f.name, '"', '""')
          FROM ({followed}) f (schema, name, is_whole, kind)
         WHERE f.is_whole = {is_whole}
    LOOP
        EXECUTE pg_catalog.replace(pg_catalog.replace(_statement, {schema_mark}, _mark), {table_mark}, _text);
    END LOOP;
