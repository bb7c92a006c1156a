-- Apply a generation's transform to a query, step by step, as numpy does in Python: a matrix, a
-- bias and an activation; or a scaling to length 1; or the first dimensions alone.
CREATE OR REPLACE FUNCTION {function}(_query {vector})
RETURNS {vector}
LANGUAGE plpgsql
STABLE
STRICT
PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS $the_body_of_a_transform_function_between_tags_longer_than_63_bytes_$
DECLARE
    _step jsonb;
    _number integer;
BEGIN
    FOR _step, _number IN
        SELECT s.value, s.ordinality::integer OPERATOR(pg_catalog.-) 1
          FROM {transforms} t,
               pg_catalog.jsonb_array_elements(t.steps) WITH ORDINALITY s
         WHERE t.id OPERATOR(pg_catalog.=) {id}
         ORDER BY s.ordinality
    LOOP
        CASE _step ->> 'kind'
        WHEN 'normalize' THEN
            _query := {l2_normalize}(_query);
        WHEN 'truncate' THEN
            _query := {subvector}(_query, 1, (_step ->> 'dim')::integer);
        ELSE
            SELECT pg_catalog.array_agg(
                       CASE _step ->> 'activation'
                       WHEN 'tanh' THEN pg_catalog.tanh(r.bias - (r.weights::{vector} {inner} _query))
                       WHEN 'relu' THEN GREATEST(0::float8, r.bias - (r.weights::{vector} {inner} _query))
                       ELSE r.bias - (r.weights::{vector} {inner} _query)
                       END::float4
                       ORDER BY r.row_no)::{vector}
              INTO _query
              FROM {transform_rows} r
             WHERE r.transform_id OPERATOR(pg_catalog.=) {id}
               AND r.step OPERATOR(pg_catalog.=) _number;
        END CASE;
    END LOOP;
    RETURN _query;
END
$the_body_of_a_transform_function_between_tags_longer_than_63_bytes_$
