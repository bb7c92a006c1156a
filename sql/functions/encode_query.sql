-- Return the vector of a query in the space of a collection's model, and which encoder made it:
-- `worker`, the model itself, run by a worker now or when it was asked the same before; or `sql`,
-- the collection's encoder in the database. _mode: auto takes the worker where one runs; worker and
-- sql take that one or fail. embeddb.encode_timeout bounds the wait for a worker: milliseconds, or
-- with a unit.
CREATE OR REPLACE FUNCTION {schema}.encode_query(
    _collection text, _text text, _mode text, OUT embedding real[], OUT encoder text)
LANGUAGE plpgsql
STABLE
SET search_path TO pg_catalog, pg_temp
SET standard_conforming_strings TO on
AS $function$
DECLARE
    _known record;
    _own record;
    _wait text := coalesce(NULLIF(pg_catalog.current_setting('embeddb.encode_timeout', true), ''),
                           '5s');
    _milliseconds integer;
BEGIN
    SELECT c.id, m.name AS model, m.fingerprint, g.dim INTO _known
      FROM {schema}.collections c
      JOIN {schema}.generations g ON g.collection_id OPERATOR(pg_catalog.=) c.id
                                 AND g.number OPERATOR(pg_catalog.=) c.active_generation
      LEFT JOIN {schema}.models m ON m.id OPERATOR(pg_catalog.=) g.model_id
     WHERE c.name OPERATOR(pg_catalog.=) _collection;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = pg_catalog.format(
            'There is no collection %L.', _collection);
    ELSIF _known.model IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'ED002', MESSAGE = pg_catalog.format(
            'Collection %L has no model: pass a vector of %s numbers instead of a text.',
            _collection, _known.dim);
    ELSIF _mode IS NULL OR _mode OPERATOR(pg_catalog.<>) ALL (ARRAY['auto', 'worker', 'sql']) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = pg_catalog.format(
            'The mode is auto, worker or sql, not %L.', _mode);
    ELSIF _text IS NULL OR _text OPERATOR(pg_catalog.!~) '\S' THEN
        RAISE EXCEPTION USING ERRCODE = 'data_exception',
            MESSAGE = 'The query has no words to encode.';
    END IF;
    SELECT e.id, e.fingerprint INTO _own
      FROM {schema}.sql_encoders e
     WHERE e.collection_id OPERATOR(pg_catalog.=) _known.id;
    encoder := 'worker';
    IF _mode OPERATOR(pg_catalog.<>) 'sql' THEN
        SELECT q.embedding INTO embedding
          FROM {schema}.encoded_queries q
         WHERE q.fingerprint OPERATOR(pg_catalog.=) _known.fingerprint
           AND q.text_hash OPERATOR(pg_catalog.=)
                   pg_catalog.sha256(pg_catalog.convert_to(_text, 'UTF8'));
        IF FOUND THEN
            RETURN;
        ELSIF {schema}.query_worker(_known.id) THEN
            BEGIN
                _milliseconds := LEAST(3600000, GREATEST(1,
                    CASE WHEN _wait OPERATOR(pg_catalog.~) '^\s*\d+\s*$' THEN _wait::numeric
                         ELSE EXTRACT(epoch FROM _wait::interval) OPERATOR(pg_catalog.*) 1000 END));
            EXCEPTION WHEN data_exception THEN
                RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE =
                    pg_catalog.format('embeddb.encode_timeout is %L, which is no time.', _wait);
            END;
            BEGIN
                IF NOT pg_catalog.has_function_privilege(pg_catalog.format(
                           '%I.encode_by_worker(bigint, text, integer)', {name}::text), 'EXECUTE')
                THEN
                    RAISE EXCEPTION USING ERRCODE = 'ED002',
                        MESSAGE = pg_catalog.format(
                            'Role %I may not hand texts to workers.', CURRENT_USER),
                        HINT = pg_catalog.format(
                            'As the owner of the schema: embeddb grant reader %I', CURRENT_USER);
                END IF;
                embedding := {schema}.encode_by_worker(_known.id, _text, _milliseconds);
                RETURN;
            EXCEPTION WHEN SQLSTATE 'ED002' THEN
                IF _mode OPERATOR(pg_catalog.=) 'worker' OR _own.id IS NULL
                   OR _own.fingerprint OPERATOR(pg_catalog.<>) _known.fingerprint THEN
                    RAISE;
                END IF;
            END;
        ELSIF _mode OPERATOR(pg_catalog.=) 'worker' OR _own.id IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'ED002',
                MESSAGE = pg_catalog.format(
                    'No worker is running that encodes texts for collection %L.', _collection),
                HINT = pg_catalog.concat('Start one with `embeddb worker`, or ', CASE
                    WHEN _own.id IS NOT NULL THEN 'ask with the mode sql.'
                    ELSE pg_catalog.format('train an encoder that needs none: '
                        '`embeddb sql-encoder train %s`.', _collection) END);
        END IF;
    END IF;
    encoder := 'sql';
    IF _own.id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'ED002',
            MESSAGE = pg_catalog.format('Collection %L has no SQL encoder.', _collection),
            HINT = pg_catalog.format('`embeddb sql-encoder train %s` makes one.', _collection);
    ELSIF _own.fingerprint OPERATOR(pg_catalog.<>) _known.fingerprint THEN
        RAISE EXCEPTION USING ERRCODE = 'ED002',
            MESSAGE = pg_catalog.format('The SQL encoder of collection %L was trained for another '
                'model than the one that is active.', _collection),
            HINT = pg_catalog.format('`embeddb sql-encoder train %s` trains it anew.', _collection);
    END IF;
    embedding := {schema}.encode_in_sql(_own.id, _text);
END
$function$
