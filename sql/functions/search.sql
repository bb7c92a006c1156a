-- Search a collection that is named by a value. The rows are those of its own function, with the key as
-- one text.
CREATE OR REPLACE FUNCTION {schema}.search(
    _collection text,
    _query {vector},
    _limit integer DEFAULT 10,
    _filter jsonb DEFAULT NULL
)
RETURNS TABLE (id text, chunk_no integer, content text, metadata jsonb, distance double precision,
               score double precision)
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
{settings}
PARALLEL RESTRICTED
AS $function$
#variable_conflict use_column
DECLARE
    _source jsonb;
    _keys text[] := '{{s.id}}';
    _key text;
BEGIN
    SELECT c.source INTO _source
      FROM {schema}.collections c
     WHERE c.name OPERATOR(pg_catalog.=) _collection;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = pg_catalog.format(
            'There is no collection %s.', pg_catalog.quote_nullable(_collection));
    END IF;
    IF _source IS NOT NULL THEN
        SELECT pg_catalog.array_agg(
                   {key_text}
                   ORDER BY k.place)
          INTO _keys
          FROM (SELECT u.key OPERATOR(pg_catalog.->>) 'type' AS type, u.place,
                       pg_catalog.format('s.%I', CASE
                           WHEN (u.key OPERATOR(pg_catalog.->>) 'name') OPERATOR(pg_catalog.=) ANY (
                               {searched})
                           THEN pg_catalog.concat('key_', u.key OPERATOR(pg_catalog.->>) 'name')
                           ELSE u.key OPERATOR(pg_catalog.->>) 'name' END) AS name
                  FROM pg_catalog.jsonb_array_elements(_source OPERATOR(pg_catalog.->) 'keys') WITH ORDINALITY
                           u (key, place)) k;
    END IF;
    _key := CASE WHEN pg_catalog.cardinality(_keys) OPERATOR(pg_catalog.=) 1 THEN _keys[1]
                 ELSE pg_catalog.format({key_array}, pg_catalog.array_to_string(_keys, ', ')) END;
    RETURN QUERY EXECUTE pg_catalog.format(
        'SELECT %s, s.chunk_no, s.content, s.metadata, s.distance, s.score '
        'FROM %I.%I($1, $2, $3) s', _key, {name}, pg_catalog.concat(_collection, '_search'))
        USING _query, _limit, _filter;
END
$function$
