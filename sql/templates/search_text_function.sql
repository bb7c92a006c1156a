-- Search a collection by a text. A worker encodes the text, or Postgres does by itself; `_mode` is
-- auto, worker or sql, and the column `encoder` says who it was. Then the search is that by a vector.
--
-- A text that reads as a vector is one: a quoted literal has no type yet when Postgres chooses among
-- functions, and it chooses text.
CREATE OR REPLACE FUNCTION {function}(
    _query text,
    _limit integer DEFAULT 10,
    _filter jsonb DEFAULT NULL,
    _max_distance double precision DEFAULT NULL,
    _mode text DEFAULT 'auto'
)
RETURNS TABLE ({key}, chunk_no integer, content text, metadata jsonb, distance double precision,
               score double precision, uri text, span int4range, encoder text)
LANGUAGE plpgsql
SET search_path TO pg_catalog, pg_temp
SET standard_conforming_strings TO on
PARALLEL RESTRICTED
AS $the_body_of_a_text_search_between_tags_longer_than_sixty_three_bytes$
#variable_conflict use_column
DECLARE
    _vector {vector};
    _encoder text := 'none';
BEGIN
    IF _query OPERATOR(pg_catalog.~) '^\s*\[[-+0-9.eE,\s]*\]\s*$' THEN
        _vector := _query::{vector};
    ELSE
        SELECT {embedding}, q.encoder INTO _vector, _encoder
          FROM {encode_query}({collection}, _query, _mode) q;
    END IF;
    RETURN QUERY SELECT s.*, _encoder FROM {function}(_vector, _limit, _filter, _max_distance) s;
END
$the_body_of_a_text_search_between_tags_longer_than_sixty_three_bytes$
