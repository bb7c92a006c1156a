-- What a collection does about rows of its source that were updated: a job for each whose text
-- changed or that came to take part, and nothing left of those that do not any more. A changed
-- key is the end of one row and the beginning of another.
CREATE OR REPLACE FUNCTION {function}()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path TO pg_catalog, pg_temp
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
$the_body_of_a_trigger_function_between_tags_longer_than_sixty_three_bytes_$
