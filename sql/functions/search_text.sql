-- Search a collection that is named by a value, by a text. The rows are those of its own function, with
-- the key as one text. A text that reads as a vector is one.
CREATE OR REPLACE FUNCTION {schema}.search(
    _collection text,
    _query text,
    _limit integer DEFAULT 10,
    _filter jsonb DEFAULT NULL,
    _max_distance double precision DEFAULT NULL,
    _mode text DEFAULT 'auto'
)
RETURNS TABLE (id text, chunk_no integer, content text, metadata jsonb, distance double precision,
               score double precision, encoder text)
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET standard_conforming_strings TO on
PARALLEL RESTRICTED
AS $function$
#variable_conflict use_column
DECLARE
    _embedding real[];
    _encoder text := 'none';
    _vectors text;  -- the schema that pgvector is in
BEGIN
    IF _query OPERATOR(pg_catalog.~) '^\s*\[[-+0-9.eE,\s]*\]\s*$' THEN
        _embedding := pg_catalog.translate(_query, '[]', '{{}}')::real[];
    ELSE
        SELECT q.embedding, q.encoder INTO _embedding, _encoder
          FROM {schema}.encode_query(_collection, _query, _mode) q;
    END IF;
    SELECT n.nspname INTO _vectors
      FROM pg_catalog.pg_extension x
      JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) x.extnamespace
     WHERE x.extname OPERATOR(pg_catalog.=) 'vector';
    RETURN QUERY EXECUTE pg_catalog.format(
        'SELECT s.id, s.chunk_no, s.content, s.metadata, s.distance, s.score, $5
           FROM %I.search($1, $2::%I.vector, $3, $4) s
          WHERE $6 IS NULL OR s.distance OPERATOR(pg_catalog.<=) $6',
        {name}::text, _vectors)
       USING _collection, _embedding, _limit, _filter, _encoder, _max_distance;
END
$function$
