-- Compile a filter into one jsonpath predicate, to be used as
-- `metadata @@ embeddb.filter_path(filter)`. The planner folds it to a constant, and a GIN index with
-- jsonb_path_ops answers its equalities. Python, the command line and SQL all go through here.
--
-- `{{"year": {{"$gte": 2020}}, "$or": [{{"lang": "en"}}, {{"lang": {{"$exists": false}}}}]}}`
--
-- A field is a path into the metadata, its keys joined by dots; a dot inside a key is written `\.`. On a
-- field that holds an array, a comparison asks whether any element passes. `$ne`, `$nin` and `$not` are the
-- exact complements of `$eq`, `$in` and the negated filter: a missing field passes them. A malformed filter
-- raises SQLSTATE ED001.
CREATE OR REPLACE FUNCTION {schema}.filter_path(_filter jsonb)
RETURNS jsonpath
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS $function$
DECLARE
    _key text;
    _value jsonb;
    _operator text;
    _operand jsonb;
    _path text;
    _terms text[] := '{{}}';
    _term text;
    _parts text[];
    _text text;
BEGIN
    IF pg_catalog.jsonb_typeof(_filter) OPERATOR(pg_catalog.<>) 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
            'A filter is an object such as {{"year": {{"$gte": 2020}}}}, not %s.', _filter);
    END IF;

    FOR _key, _value IN SELECT e.key, e.value FROM pg_catalog.jsonb_each(_filter) e LOOP

        -- $and, $or, $not: filters inside filters
        IF _key IN ('$and', '$or') THEN
            IF pg_catalog.jsonb_typeof(_value) OPERATOR(pg_catalog.<>) 'array'
               OR pg_catalog.jsonb_array_length(_value) OPERATOR(pg_catalog.=) 0 THEN
                RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                    '%s takes a non-empty array of filters, not %s.', _key, _value);
            END IF;
            SELECT pg_catalog.array_agg(
                       pg_catalog.concat('(', {schema}.filter_path(e.value)::text, ')')
                       ORDER BY e.ordinality)
              INTO _parts
              FROM pg_catalog.jsonb_array_elements(_value) WITH ORDINALITY e;
            _terms := _terms OPERATOR(pg_catalog.||) pg_catalog.concat('(', pg_catalog.array_to_string(
                _parts, CASE _key WHEN '$and' THEN ' && ' ELSE ' || ' END), ')');
            CONTINUE;
        ELSIF _key OPERATOR(pg_catalog.=) '$not' THEN
            _term := {schema}.filter_path(_value)::text;
            _terms := _terms OPERATOR(pg_catalog.||) pg_catalog.format(
                '(!(%s) || (%s) is unknown)', _term, _term);
            CONTINUE;
        ELSIF pg_catalog.starts_with(_key, '$') THEN
            RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                'Unknown operator %s; a filter combines with $and, $or and $not.', _key);
        END IF;

        -- a field: every part of its path is quoted as a JSON string, so no key can escape
        IF _key OPERATOR(pg_catalog.=) '' THEN
            RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = 'A filter names an empty field.';
        END IF;
        SELECT '$.' OPERATOR(pg_catalog.||) pg_catalog.string_agg(
                   pg_catalog.to_json(pg_catalog.replace(p.part, '\.', '.'))::text, '.'
                   ORDER BY p.ordinality)
          INTO _path
          FROM pg_catalog.unnest(pg_catalog.regexp_split_to_array(_key, '(?<!\\)\.'))
               WITH ORDINALITY p (part);

        -- {{"year": 2020}} is {{"year": {{"$eq": 2020}}}}
        IF pg_catalog.jsonb_typeof(_value) OPERATOR(pg_catalog.<>) 'object' THEN
            _value := pg_catalog.jsonb_build_object('$eq', _value);
        ELSIF _value OPERATOR(pg_catalog.=) '{{}}'::jsonb THEN
            RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                'The filter on %s has no operator.', _key);
        END IF;

        FOR _operator, _operand IN SELECT e.key, e.value FROM pg_catalog.jsonb_each(_value) e LOOP
            IF _operator IN ('$eq', '$ne', '$lt', '$lte', '$gt', '$gte') THEN
                IF pg_catalog.jsonb_typeof(_operand) IN ('array', 'object')
                   OR (_operator NOT IN ('$eq', '$ne')
                       AND pg_catalog.jsonb_typeof(_operand) OPERATOR(pg_catalog.=) 'null') THEN
                    RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                        '%s on %s takes a string, a number or a boolean, not %s; for arrays there '
                        'are $in and $contains.', _operator, _key, _operand);
                END IF;
                _term := pg_catalog.concat(_path, ' ', CASE _operator
                    WHEN '$eq' THEN '==' WHEN '$ne' THEN '==' WHEN '$lt' THEN '<'
                    WHEN '$lte' THEN '<=' WHEN '$gt' THEN '>' WHEN '$gte' THEN '>=' END,
                    ' ', _operand::text);

            ELSIF _operator IN ('$in', '$nin', '$contains') THEN
                IF _operator OPERATOR(pg_catalog.=) '$contains'
                   AND pg_catalog.jsonb_typeof(_operand) OPERATOR(pg_catalog.<>) 'array' THEN
                    _operand := pg_catalog.jsonb_build_array(_operand);
                END IF;
                IF pg_catalog.jsonb_typeof(_operand) OPERATOR(pg_catalog.<>) 'array'
                   OR EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(_operand) e
                               WHERE pg_catalog.jsonb_typeof(e.value) IN ('array', 'object')) THEN
                    RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                        '%s on %s takes an array of strings, numbers or booleans, not %s.',
                        _operator, _key, _operand);
                END IF;
                SELECT pg_catalog.string_agg(
                           pg_catalog.concat(_path, ' == ', e.value::text),
                           CASE _operator WHEN '$contains' THEN ' && ' ELSE ' || ' END
                           ORDER BY e.ordinality)
                  INTO _term
                  FROM pg_catalog.jsonb_array_elements(_operand) WITH ORDINALITY e;
                -- nothing is in an empty list, and everything contains it
                _term := COALESCE(pg_catalog.concat('(', _term, ')'), '()');
                IF _term OPERATOR(pg_catalog.=) '()' THEN
                    _term := CASE _operator WHEN '$contains' THEN '1 == 1' ELSE '1 == 0' END;
                END IF;

            ELSIF _operator OPERATOR(pg_catalog.=) '$between' THEN
                IF pg_catalog.jsonb_typeof(_operand) OPERATOR(pg_catalog.<>) 'array'
                   OR pg_catalog.jsonb_array_length(_operand) OPERATOR(pg_catalog.<>) 2
                   OR EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(_operand) e
                               WHERE pg_catalog.jsonb_typeof(e.value) NOT IN ('string', 'number'))
                THEN
                    RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                        '$between on %s takes [lowest, highest], not %s.', _key, _operand);
                END IF;
                -- a nested array is no element: its own elements must not pass in its place
                _term := pg_catalog.format(
                    'exists(%s ? (@.type() != "array" && @ >= %s && @ <= %s))', _path,
                    (_operand OPERATOR(pg_catalog.->) 0)::text,
                    (_operand OPERATOR(pg_catalog.->) 1)::text);

            ELSIF _operator OPERATOR(pg_catalog.=) '$exists' THEN
                IF pg_catalog.jsonb_typeof(_operand) OPERATOR(pg_catalog.<>) 'boolean' THEN
                    RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                        '$exists on %s takes true or false, not %s.', _key, _operand);
                END IF;
                _term := pg_catalog.concat(
                    CASE WHEN _operand::boolean THEN '' ELSE '!' END, 'exists(', _path, ')');

            ELSIF _operator IN ('$like', '$ilike') THEN
                IF pg_catalog.jsonb_typeof(_operand) OPERATOR(pg_catalog.<>) 'string' THEN
                    RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                        '%s on %s takes a pattern with %% and _, not %s.',
                        _operator, _key, _operand);
                END IF;
                -- LIKE's pattern as a regular expression: everything else is taken literally
                _text := pg_catalog.regexp_replace(
                    _operand OPERATOR(pg_catalog.#>>) '{{}}', '([^\w\s%_])', '\\\1', 'g');
                _text := pg_catalog.replace(pg_catalog.replace(_text, '%', '.*'), '_', '.');
                _term := pg_catalog.concat(_path, ' like_regex ',
                    pg_catalog.to_json(pg_catalog.concat('^', _text, '$'))::text,
                    ' flag "', CASE _operator WHEN '$ilike' THEN 'is' ELSE 's' END, '"');

            ELSE
                RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                    'Unknown operator %s on %s; there are $eq $ne $lt $lte $gt $gte $in $nin '
                    '$between $exists $like $ilike $contains, and $and $or $not around fields.',
                    _operator, _key);
            END IF;

            IF _operator IN ('$ne', '$nin') THEN
                _term := pg_catalog.format('(!(%s) || (%s) is unknown)', _term, _term);
            END IF;
            _terms := _terms OPERATOR(pg_catalog.||) _term;
        END LOOP;
    END LOOP;

    -- an empty filter lets everything pass
    RETURN COALESCE(NULLIF(pg_catalog.array_to_string(_terms, ' && '), ''), '1 == 1')::jsonpath;
END
$function$
