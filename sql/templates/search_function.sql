-- Return the chunks of a collection that are nearest to a query, nearest first: at most `_limit` of
-- them, only of documents that pass `_filter`. The key comes in its own type, under its own name. The
-- statements are those that Python sends.
CREATE OR REPLACE FUNCTION {function}(
    {arguments}
)
RETURNS TABLE ({key}, chunk_no integer, content text, metadata jsonb, distance double precision,
               score double precision, uri text, span int4range)
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
{settings}
PARALLEL RESTRICTED
-- no name that Postgres takes is as long as this tag, so no name in the body can end it
AS $the_body_of_a_search_function_between_tags_longer_than_sixty_three_bytes$
#variable_conflict use_column
DECLARE
    {declared}
    _names text[] := {names};
    -- without a filter and with one, and both once more for the rows of one part
    _statements text[] := {statements};
    _part text := {part};
    _number integer := 1;
    _before text[];
    _name text;
BEGIN
    IF _limit IS NULL OR _limit OPERATOR(pg_catalog.<) 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'data_exception', MESSAGE = pg_catalog.format(
            'A search needs a limit of at least 1, not %s.', _limit);
    END IF;
    {query}
    -- what the statement sets for itself is put back, so that the transaction goes on as it was
    FOREACH _name IN ARRAY _names LOOP
        _before := pg_catalog.array_append(_before, pg_catalog.current_setting(_name, true));
    END LOOP;
    {known}
    IF _filter OPERATOR(pg_catalog.<>) '{{}}' THEN
        _number := 2;
    END IF;
    IF _part IS NOT NULL THEN
        _number := _number OPERATOR(pg_catalog.+) 2;
    END IF;
    RETURN QUERY EXECUTE _statements[_number] USING _query, _limit, _filter, _max_distance, _part,
        {without};
    FOR _i IN 1 .. pg_catalog.cardinality(_names) LOOP
        IF _before[_i] IS NULL THEN
            EXECUTE pg_catalog.format('SET LOCAL %s TO DEFAULT', _names[_i]);
        ELSE
            PERFORM pg_catalog.set_config(_names[_i], _before[_i], true);
        END IF;
    END LOOP;
END
$the_body_of_a_search_function_between_tags_longer_than_sixty_three_bytes$
