-- Follow an UPDATE of the source: make a job for each row whose text changed or that came to take
-- part, and remove everything of rows that no longer do. A changed key is the end of one row and
-- the beginning of another.
CREATE OR REPLACE FUNCTION {function}()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path TO pg_catalog, pg_temp
{settings}
AS $the_body_of_a_trigger_function_between_tags_longer_than_sixty_three_bytes_$
DECLARE
    _collection bigint;
    _some_changed boolean;
    _some_gone boolean;
    _keys text[];
BEGIN
    BEGIN  -- only reads, so that a failure of it cannot fail the application's own statement
        SELECT pg_catalog.bool_or(u.changed), pg_catalog.bool_or(u.gone)
          INTO _some_changed, _some_gone
          FROM {updates} u;
    EXCEPTION WHEN OTHERS THEN
        BEGIN
            SELECT c.id INTO _collection
              FROM {collections} c
             WHERE c.name OPERATOR(pg_catalog.=) {name};
{enqueue_all}
{remove_replaced}
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'embeddb could not follow collection %: %', {name}, SQLERRM
                USING HINT = 'Run embeddb doctor.';
        END;
        RETURN NULL;
    END;
    IF _some_changed OR _some_gone THEN
        SELECT c.id INTO _collection
          FROM {collections} c
         WHERE c.name OPERATOR(pg_catalog.=) {name};
    END IF;
    IF _collection IS NULL THEN
        RETURN NULL;
    END IF;
    IF _some_gone THEN
{remove}
    END IF;
    IF _some_changed THEN
{enqueue}
    END IF;
    RETURN NULL;
END
$the_body_of_a_trigger_function_between_tags_longer_than_sixty_three_bytes_$;
-- It runs with the privileges of whoever attached: a trigger on anybody's table that called it
-- could have it write what that person likes.
REVOKE ALL ON FUNCTION {function}() FROM PUBLIC
