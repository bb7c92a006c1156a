-- Follow another table that a row's text is read from: make a job for each row whose text reads what
-- changed. Whether that row is there and takes part is left to the worker: who asked here could not
-- see what another transaction is about to commit.
CREATE OR REPLACE FUNCTION {function}()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path TO pg_catalog, pg_temp
{settings}
AS $the_body_of_a_trigger_function_between_tags_longer_than_sixty_three_bytes_$
DECLARE
    _collection bigint;
    _keys text[];
BEGIN
    BEGIN  -- only reads, so that a failure of it cannot fail the application's own statement
        CASE TG_OP
            WHEN 'INSERT' THEN _keys := ARRAY({inserted});
            WHEN 'UPDATE' THEN _keys := ARRAY({updated});
            WHEN 'DELETE' THEN _keys := ARRAY({deleted});
            ELSE _keys := NULL;  -- nobody knows what a TRUNCATE removed
        END CASE;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'embeddb could not follow collection %: %', {name}, SQLERRM
            USING HINT = 'Run embeddb doctor.';
        _keys := NULL;
    END;
    IF pg_catalog.cardinality(_keys) OPERATOR(pg_catalog.=) 0 THEN
        RETURN NULL;
    END IF;
    SELECT c.id INTO _collection FROM {collections} c WHERE c.name OPERATOR(pg_catalog.=) {name};
    IF _collection IS NULL THEN
        RETURN NULL;
    END IF;
    IF _keys IS NULL THEN  -- every row may be meant: have the workers look at all of them
        BEGIN
            INSERT INTO {backfills} AS b (collection_id)
            VALUES (_collection)
                ON CONFLICT (collection_id) DO UPDATE
               SET last_key = NULL, total = NULL, done = 0, started_at = NULL, finished_at = NULL;
            PERFORM pg_catalog.pg_notify('embeddb_jobs', _collection::text);
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'embeddb could not follow collection %: %', {name}, SQLERRM
                USING HINT = 'Run embeddb doctor.';
        END;
        RETURN NULL;
    END IF;
{enqueue}
    RETURN NULL;
END
$the_body_of_a_trigger_function_between_tags_longer_than_sixty_three_bytes_$;
-- It runs with the privileges of whoever attached: a trigger on anybody's table that called it
-- could have it write what that person likes.
REVOKE ALL ON FUNCTION {function}() FROM PUBLIC
