-- Complete the source in the catalog by what the look-up found.
UPDATE {collections} c
   SET source = c.source || (pg_catalog.current_setting('embeddb.script')::jsonb -> 'source')
 WHERE c.name = {name}
