-- Hand a text to the workers and wait for what one makes of it: its vector, or a problem. It is a
-- procedure on a connection of its own because it commits: before that nobody sees the request.
-- What commits cannot pin a search_path, so every name in it is qualified.
CREATE OR REPLACE PROCEDURE {schema}.await_encoding(
    _collection bigint, _text text, _milliseconds integer, INOUT _embedding real[],
    INOUT _problem text)
LANGUAGE plpgsql
AS $procedure$
DECLARE
    _most CONSTANT bigint := 1000;  -- requests that wait at a time
    _pause CONSTANT double precision := 0.002;
    _end CONSTANT timestamptz := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+)
        (_milliseconds OPERATOR(pg_catalog.*) interval '1 millisecond');
    _request bigint;
BEGIN
    IF (SELECT pg_catalog.count(*) FROM {schema}.encode_requests) OPERATOR(pg_catalog.>=) _most THEN
        _problem := 'too many texts wait for a worker already';
        RETURN;
    END IF;
    INSERT INTO {schema}.encode_requests (collection_id, text) VALUES (_collection, _text)
        RETURNING id INTO _request;
    PERFORM pg_catalog.pg_notify('embeddb_encode', '');
    COMMIT;
    LOOP
        SELECT r.embedding, r.problem INTO _embedding, _problem
          FROM {schema}.encode_requests r
         WHERE r.id OPERATOR(pg_catalog.=) _request AND r.answered_at IS NOT NULL;
        EXIT WHEN FOUND;
        IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>) _end THEN
            _problem := 'timeout';
        ELSIF NOT {schema}.query_worker(_collection) THEN
            _problem := 'gone';
        END IF;
        EXIT WHEN _problem IS NOT NULL;
        COMMIT;  -- so that the next look is with another snapshot, whatever the isolation level
        PERFORM pg_catalog.pg_sleep(_pause);
    END LOOP;
    -- what a worker holds just now is not waited for: workers remove what is left
    DELETE FROM {schema}.encode_requests r
     WHERE r.id OPERATOR(pg_catalog.=) (
               SELECT l.id FROM {schema}.encode_requests l
                WHERE l.id OPERATOR(pg_catalog.=) _request
                  FOR UPDATE SKIP LOCKED);
END
$procedure$
