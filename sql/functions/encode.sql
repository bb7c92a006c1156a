-- Return the vector of a text in the space of a collection's model; see encode_query.
CREATE OR REPLACE FUNCTION {schema}.encode(
    _collection text, _text text, _mode text DEFAULT 'auto')
RETURNS {vector}
LANGUAGE plpgsql
STABLE
SET search_path TO pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN (SELECT q.embedding FROM {schema}.encode_query(_collection, _text, _mode) q);
END
$function$
