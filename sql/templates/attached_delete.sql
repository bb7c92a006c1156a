-- Follow a DELETE on the source: remove everything that came from the rows that are gone.
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
    SELECT c.id INTO _collection FROM {collections} c WHERE c.name OPERATOR(pg_catalog.=) {name};
    BEGIN  -- only reads, so that a failure of it cannot fail the application's own statement
        PERFORM k.key FROM {keys} k LIMIT 1;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'embeddb could not follow collection %: %', {name}, SQLERRM
            USING HINT = 'Run embeddb doctor.';
        RETURN NULL;
    END;
{remove}
    RETURN NULL;
END
$the_body_of_a_trigger_function_between_tags_longer_than_sixty_three_bytes_$;
-- It runs with the privileges of whoever attached: a trigger on anybody's table that called it
-- could have it write what that person likes.
REVOKE ALL ON FUNCTION {function}() FROM PUBLIC
