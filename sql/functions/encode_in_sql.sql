-- Return the vector of a text from a collection's SQL encoder: the sum of its tokens' weights, of
-- the pairs of neighbours that have weights of their own, and of [CLS], which every text has,
-- scaled to the length that the model's vectors have. NULL where no token has a weight.
CREATE OR REPLACE FUNCTION {schema}.encode_in_sql(_encoder bigint, _text text)
RETURNS real[]
LANGUAGE plpgsql
STABLE
STRICT
PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS $function$
DECLARE
    _vectors text;  -- the schema that pgvector is in
    _tokens text[] := {schema}.query_tokens(_encoder, _text);
    _pairs text[];
    _sum real[];
    _length double precision;
BEGIN
    SELECT n.nspname INTO _vectors
      FROM pg_catalog.pg_extension x
      JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) x.extnamespace
     WHERE x.extname OPERATOR(pg_catalog.=) 'vector';
    SELECT pg_catalog.array_agg(pg_catalog.concat(
               _tokens[i], ' ', _tokens[i OPERATOR(pg_catalog.+) 1]))
      INTO _pairs
      FROM pg_catalog.generate_series(
               1, pg_catalog.cardinality(_tokens) OPERATOR(pg_catalog.-) 1) i;
    EXECUTE pg_catalog.format(
        'SELECT %1$I.l2_normalize(%1$I.avg(t.weights::%1$I.vector))::real[]
           FROM pg_catalog.unnest($2) u (token)
           JOIN %2$I.sql_encoder_tokens t
             ON t.encoder_id OPERATOR(pg_catalog.=) $1
            AND t.token OPERATOR(pg_catalog.=) (u.token COLLATE pg_catalog."C")',
        _vectors, {name}::text)
       INTO _sum
      USING _encoder, pg_catalog.array_append(pg_catalog.array_cat(_tokens, _pairs), '[CLS]');
    SELECT e.length INTO _length
      FROM {schema}.sql_encoders e
     WHERE e.id OPERATOR(pg_catalog.=) _encoder;
    IF _length OPERATOR(pg_catalog.<>) 1 THEN
        RETURN (SELECT pg_catalog.array_agg(
                           (u.value OPERATOR(pg_catalog.*) _length)::real ORDER BY u.place)
                  FROM pg_catalog.unnest(_sum) WITH ORDINALITY u (value, place));
    END IF;
    RETURN _sum;
END
$function$
