-- Compile a filter into one jsonpath predicate, to be used as
-- `metadata @@ embeddb.filter_path(filter)`. The planner folds it to a constant, and a GIN index with
-- jsonb_path_ops answers its equalities. Python, the command line and SQL all go through here.
--
-- `{{"year": {{"$gte": 2020}}, "$or": [{{"lang": "en"}}, {{"lang": {{"$exists": false}}}}]}}`
--
-- A field is a path into the metadata, its keys joined by dots; a dot inside a key is written `\.`. On a
-- field that holds an array, a comparison asks whether any element passes. `$ne`, `$nin` and `$not` are the
-- exact complements of `$eq`, `$in` and the negated filter: a missing field passes them. A list may be as
-- long as one likes: a value is looked up in it by halves, not one by one. A malformed filter, or one that
-- is nested too deep, raises SQLSTATE ED001.
--
-- Postgres reads and evaluates a chain of n terms n levels deep, and its stack is soon at an end. So what
-- is long is cut into groups of groups.
CREATE OR REPLACE FUNCTION {schema}.filter_path(_filter jsonb)
RETURNS jsonpath
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
SET standard_conforming_strings TO on
AS $function$
DECLARE
    _key text;
    _value jsonb;
    _operator text;
    _operand jsonb;
    _path text;
    _terms text[] := '{{}}';
    _term text;
    _parts jsonb;
    _text text;
    _type text;
    _low text[];
    _high text[];
    _ranges text[];
    _some text[];
BEGIN
    IF pg_catalog.jsonb_typeof(_filter) OPERATOR(pg_catalog.<>) 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
            'A filter is an object such as {{"year": {{"$gte": 2020}}}}, not %s.',
            pg_catalog.left(_filter::text, 200));
    ELSIF pg_catalog.jsonb_path_exists(_filter, '$.**{{200}}') THEN
        RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE =
            'The filter is nested too deep: combine its parts side by side, not one in the other.';
    END IF;

    -- many fields
    IF (SELECT pg_catalog.count(*) FROM pg_catalog.jsonb_object_keys(_filter))
       OPERATOR(pg_catalog.>) 32 THEN
        RETURN {schema}.filter_path(pg_catalog.jsonb_build_object('$and', pg_catalog.jsonb_agg(
                   pg_catalog.jsonb_build_object(e.key, e.value))))
          FROM pg_catalog.jsonb_each(_filter) e;
    END IF;

    FOR _key, _value IN SELECT e.key, e.value FROM pg_catalog.jsonb_each(_filter) e LOOP

        -- $and, $or, $not: filters inside filters
        IF _key IN ('$and', '$or') THEN
            IF pg_catalog.jsonb_typeof(_value) OPERATOR(pg_catalog.<>) 'array'
               OR pg_catalog.jsonb_array_length(_value) OPERATOR(pg_catalog.=) 0 THEN
                RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                    '%s takes a non-empty array of filters, not %s.', _key,
                    pg_catalog.left(_value::text, 200));
            END IF;
            -- {{"$or": [{{"n": 1}}, {{"n": 2}}]}} is {{"n": {{"$in": [1, 2]}}}}, and
            -- {{"$and": [{{"n": {{"$ne": 1}}}}, {{"n": {{"$ne": 2}}}}]}} is {{"n": {{"$nin": [1, 2]}}}}
            _operator := CASE _key WHEN '$or' THEN '$eq' ELSE '$ne' END;
            WITH parts AS (
                SELECT e.ordinality AS number, e.value AS part, f.key AS field,
                       CASE WHEN f.value OPERATOR(pg_catalog.@>) '{{}}'::jsonb
                            THEN CASE WHEN f.value OPERATOR(pg_catalog.-) _operator
                                           OPERATOR(pg_catalog.=) '{{}}'::jsonb
                                      THEN f.value OPERATOR(pg_catalog.->) _operator END
                            WHEN _key OPERATOR(pg_catalog.=) '$or' THEN f.value END AS value
                  FROM pg_catalog.jsonb_array_elements(_value) WITH ORDINALITY e
                  LEFT JOIN LATERAL (
                       SELECT k.key, k.value
                         FROM pg_catalog.jsonb_each(CASE pg_catalog.jsonb_typeof(e.value)
                                                    WHEN 'object' THEN e.value END) k
                        WHERE e.value OPERATOR(pg_catalog.-) k.key OPERATOR(pg_catalog.=) '{{}}'::jsonb
                          AND NOT pg_catalog.starts_with(k.key, '$')) f ON true
            ), told AS (
                SELECT p.*, COALESCE(pg_catalog.jsonb_typeof(p.value)
                                     IN ('string', 'number', 'boolean', 'null'), false) AS is_one
                  FROM parts p
            ), merged AS (
                SELECT t.number, t.part FROM told t WHERE NOT t.is_one
                 UNION ALL
                SELECT pg_catalog.min(t.number), pg_catalog.jsonb_build_object(
                           t.field, pg_catalog.jsonb_build_object(
                               CASE _key WHEN '$or' THEN '$in' ELSE '$nin' END,
                               pg_catalog.jsonb_agg(t.value ORDER BY t.number)))
                  FROM told t
                 WHERE t.is_one
                 GROUP BY t.field
            )
            SELECT pg_catalog.jsonb_agg(m.part ORDER BY m.number) INTO _parts FROM merged m;
            IF pg_catalog.jsonb_array_length(_parts) OPERATOR(pg_catalog.>) 32 THEN
                SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(_key, g.parts))
                  INTO _parts
                  FROM (SELECT pg_catalog.jsonb_agg(e.value ORDER BY e.ordinality) AS parts
                          FROM pg_catalog.jsonb_array_elements(_parts) WITH ORDINALITY e
                         GROUP BY e.ordinality OPERATOR(pg_catalog.*) 32
                                  OPERATOR(pg_catalog./) (
                                      pg_catalog.jsonb_array_length(_parts) OPERATOR(pg_catalog.+) 1)) g;
            END IF;
            SELECT _terms OPERATOR(pg_catalog.||) pg_catalog.concat('(', pg_catalog.string_agg(
                       pg_catalog.concat('(', {schema}.filter_path(e.value)::text, ')'),
                       CASE _key WHEN '$and' THEN ' && ' ELSE ' || ' END ORDER BY e.ordinality), ')')
              INTO _terms
              FROM pg_catalog.jsonb_array_elements(_parts) WITH ORDINALITY e;
            CONTINUE;
        ELSIF _key OPERATOR(pg_catalog.=) '$not' THEN
            -- $not of $not is nothing
            WHILE (_value OPERATOR(pg_catalog.->) '$not') OPERATOR(pg_catalog.->) '$not' IS NOT NULL
                  AND _value OPERATOR(pg_catalog.-) '$not' OPERATOR(pg_catalog.=) '{{}}'::jsonb
                  AND (_value OPERATOR(pg_catalog.->) '$not') OPERATOR(pg_catalog.-) '$not'
                      OPERATOR(pg_catalog.=) '{{}}'::jsonb LOOP
                _value := _value OPERATOR(pg_catalog.#>) '{{$not,$not}}';
            END LOOP;
            IF _value OPERATOR(pg_catalog.->) '$not' IS NOT NULL
               AND _value OPERATOR(pg_catalog.-) '$not' OPERATOR(pg_catalog.=) '{{}}'::jsonb THEN
                _terms := _terms OPERATOR(pg_catalog.||) pg_catalog.concat(
                    '(', {schema}.filter_path(_value OPERATOR(pg_catalog.->) '$not')::text, ')');
            ELSE
                -- `?` passes what is true: what is false or unknown does not
                _terms := _terms OPERATOR(pg_catalog.||) pg_catalog.concat(
                    '!exists($ ? (', {schema}.filter_path(_value)::text, '))');
            END IF;
            CONTINUE;
        ELSIF pg_catalog.starts_with(_key, '$') THEN
            RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                'Unknown operator %s; a filter combines with $and, $or and $not. Others stand inside a '
                'field: {{"year": {{"$gte": 2020}}}}.', _key);
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
                        'are $in and $contains.', _operator, _key,
                        pg_catalog.left(_operand::text, 200));
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
                        _operator, _key,
                        pg_catalog.left(_operand::text, 200));
                END IF;
                IF pg_catalog.jsonb_array_length(_operand) OPERATOR(pg_catalog.=) 0 THEN
                    -- nothing is in an empty list, and everything contains it
                    _term := CASE _operator WHEN '$contains' THEN '1 == 1' ELSE '1 == 0' END;
                ELSIF pg_catalog.jsonb_array_length(_operand) OPERATOR(pg_catalog.<=) 32 THEN
                    SELECT pg_catalog.concat('(', pg_catalog.string_agg(
                               pg_catalog.concat(_path, ' == ', e.value::text),
                               CASE _operator WHEN '$contains' THEN ' && ' ELSE ' || ' END
                               ORDER BY e.ordinality), ')')
                      INTO _term
                      FROM pg_catalog.jsonb_array_elements(_operand) WITH ORDINALITY e;
                ELSIF _operator OPERATOR(pg_catalog.=) '$contains' THEN
                    SELECT {schema}.filter_path(pg_catalog.jsonb_build_object(
                               '$and', pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                                   _key, pg_catalog.jsonb_build_object('$contains', g.some)))))::text
                      INTO _term
                      FROM (SELECT pg_catalog.jsonb_agg(e.value) AS some
                              FROM pg_catalog.jsonb_array_elements(_operand) WITH ORDINALITY e
                             GROUP BY e.ordinality OPERATOR(pg_catalog./) 32) g;
                ELSE
                    -- a long list: sorted, and cut into ranges of eight ranges of eight, and so on
                    _some := '{{}}';
                    FOREACH _type IN ARRAY ARRAY['number', 'string'] LOOP
                        -- texts by their bytes in UTF-8, as jsonpath compares them
                        SELECT pg_catalog.array_agg(v.value::text ORDER BY v.number, v.bytes)
                          INTO _low
                          FROM (SELECT DISTINCT e.value,
                                       CASE _type WHEN 'number' THEN e.value::numeric END AS number,
                                       CASE _type WHEN 'string' THEN pg_catalog.convert_to(
                                           e.value OPERATOR(pg_catalog.#>>) '{{}}', 'UTF8') END AS bytes
                                  FROM pg_catalog.jsonb_array_elements(_operand) e
                                 WHERE pg_catalog.jsonb_typeof(e.value) OPERATOR(pg_catalog.=) _type) v;
                        CONTINUE WHEN _low IS NULL;
                        _high := _low;
                        -- GIN reads equalities, but takes the square of their number to prepare: of
                        -- very many they are hidden from it, as ranges of one value
                        SELECT pg_catalog.array_agg(
                                   pg_catalog.format(
                                       CASE WHEN pg_catalog.cardinality(_low) OPERATOR(pg_catalog.<=) 4000
                                            THEN '@ == %s' ELSE '(@ >= %1$s && @ <= %1$s)' END, v.value)
                                   ORDER BY v.ordinality)
                          INTO _ranges
                          FROM pg_catalog.unnest(_low) WITH ORDINALITY v (value, ordinality);
                        WHILE pg_catalog.cardinality(_ranges) OPERATOR(pg_catalog.>) 1 LOOP
                            SELECT pg_catalog.array_agg(g.low ORDER BY g.number),
                                   pg_catalog.array_agg(g.high ORDER BY g.number),
                                   pg_catalog.array_agg(pg_catalog.format(
                                       '(@ >= %s && @ <= %s && (%s))', g.low, g.high, g.range)
                                       ORDER BY g.number)
                              INTO _low, _high, _ranges
                              FROM (SELECT (t.number OPERATOR(pg_catalog.-) 1)
                                               OPERATOR(pg_catalog./) 8 AS number,
                                           (pg_catalog.array_agg(t.low ORDER BY t.number))[1] AS low,
                                           (pg_catalog.array_agg(t.high ORDER BY t.number DESC))[1]
                                               AS high,
                                           pg_catalog.string_agg(t.range, ' || ' ORDER BY t.number)
                                               AS range
                                      FROM ROWS FROM (
                                               pg_catalog.unnest(_low), pg_catalog.unnest(_high),
                                               pg_catalog.unnest(_ranges))
                                           WITH ORDINALITY t (low, high, range, number)
                                     GROUP BY 1) g;
                        END LOOP;
                        -- a value of another type is neither below nor above: no range is looked into
                        _some := _some OPERATOR(pg_catalog.||) pg_catalog.format(
                            '(@.type() == "%s" && %s)', _type, _ranges[1]);
                    END LOOP;
                    SELECT _some OPERATOR(pg_catalog.||) COALESCE(pg_catalog.array_agg(
                               pg_catalog.format('(@.type() == "%s" && @ == %s)', v.type, v.value::text)),
                               '{{}}'::text[])
                      INTO _some
                      FROM (SELECT DISTINCT pg_catalog.jsonb_typeof(e.value) AS type, e.value
                              FROM pg_catalog.jsonb_array_elements(_operand) e
                             WHERE pg_catalog.jsonb_typeof(e.value) IN ('boolean', 'null')) v;
                    _term := pg_catalog.format(
                        'exists(%s ? (%s))', _path, pg_catalog.array_to_string(_some, ' || '));
                END IF;

            ELSIF _operator OPERATOR(pg_catalog.=) '$between' THEN
                IF pg_catalog.jsonb_typeof(_operand) OPERATOR(pg_catalog.<>) 'array'
                   OR pg_catalog.jsonb_array_length(_operand) OPERATOR(pg_catalog.<>) 2
                   OR EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(_operand) e
                               WHERE pg_catalog.jsonb_typeof(e.value) NOT IN ('string', 'number'))
                THEN
                    RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                        '$between on %s takes [lowest, highest], not %s.', _key,
                        pg_catalog.left(_operand::text, 200));
                END IF;
                -- a nested array is no element: its own elements must not pass in its place
                _term := pg_catalog.format(
                    'exists(%s ? (@.type() != "array" && @ >= %s && @ <= %s))', _path,
                    (_operand OPERATOR(pg_catalog.->) 0)::text,
                    (_operand OPERATOR(pg_catalog.->) 1)::text);

            ELSIF _operator OPERATOR(pg_catalog.=) '$exists' THEN
                IF pg_catalog.jsonb_typeof(_operand) OPERATOR(pg_catalog.<>) 'boolean' THEN
                    RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                        '$exists on %s takes true or false, not %s.', _key,
                        pg_catalog.left(_operand::text, 200));
                END IF;
                _term := pg_catalog.concat(
                    CASE WHEN _operand::boolean THEN '' ELSE '!' END, 'exists(', _path, ')');

            ELSIF _operator IN ('$like', '$ilike') THEN
                IF pg_catalog.jsonb_typeof(_operand) OPERATOR(pg_catalog.<>) 'string' THEN
                    RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                        '%s on %s takes a pattern with %% and _, not %s.', _operator, _key,
                        pg_catalog.left(_operand::text, 200));
                END IF;
                -- LIKE's pattern as a regular expression: everything else is taken literally
                _text := pg_catalog.regexp_replace(
                    _operand OPERATOR(pg_catalog.#>>) '{{}}', '([^\w\s%_])', '\\\1', 'g');
                _text := pg_catalog.replace(pg_catalog.replace(_text, '%', '.*'), '_', '.');
                _term := pg_catalog.concat(_path, ' like_regex ',
                    pg_catalog.to_json(pg_catalog.concat('^', _text, '$'))::text,
                    ' flag "', CASE _operator WHEN '$ilike' THEN 'is' ELSE 's' END, '"');

            ELSE
                -- the one meant has its letters in the same order, and more, or fewer
                _text := pg_catalog.regexp_replace(pg_catalog.lower(_operator), '[^a-z]', '', 'g');
                SELECT pg_catalog.format(' Did you mean $%s?', o.name)
                  INTO _term
                  FROM pg_catalog.unnest('{{eq,ne,lt,lte,gt,gte,in,nin,between,exists,like,ilike,'
                                         'contains}}'::text[]) o (name)
                 WHERE _text OPERATOR(pg_catalog.<>) ''
                   AND (_text OPERATOR(pg_catalog.~~)
                            pg_catalog.concat('%', pg_catalog.regexp_replace(o.name, '(.)', '\1%', 'g'))
                        OR o.name OPERATOR(pg_catalog.~~)
                            pg_catalog.concat('%', pg_catalog.regexp_replace(_text, '(.)', '\1%', 'g')))
                 ORDER BY pg_catalog.abs(pg_catalog.length(o.name)
                                         OPERATOR(pg_catalog.-) pg_catalog.length(_text)), o.name
                 LIMIT 1;
                RAISE EXCEPTION USING ERRCODE = 'ED001', MESSAGE = pg_catalog.format(
                    'Unknown operator %s on %s.%s There are $eq $ne $lt $lte $gt $gte $in $nin '
                    '$between $exists $like $ilike $contains, and $and $or $not around fields.',
                    _operator, _key, _term);
            END IF;

            IF _operator IN ('$ne', '$nin') THEN
                _term := CASE WHEN pg_catalog.starts_with(_term, 'exists(')
                              THEN pg_catalog.concat('!', _term)  -- it is never unknown
                              ELSE pg_catalog.format('(!(%s) || (%s) is unknown)', _term, _term) END;
            END IF;
            _terms := _terms OPERATOR(pg_catalog.||) _term;
        END LOOP;
    END LOOP;

    -- an empty filter lets everything pass
    RETURN COALESCE(NULLIF(pg_catalog.array_to_string(_terms, ' && '), ''), '1 == 1')::jsonpath;
END
$function$
