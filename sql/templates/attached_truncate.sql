-- Follow a TRUNCATE of the source, or of one of its partitions.
CREATE OR REPLACE FUNCTION {function}()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path TO pg_catalog, pg_temp
{settings}
AS $the_body_of_a_trigger_function_between_tags_longer_than_sixty_three_bytes_$
DECLARE
    _collection bigint;
BEGIN
    SELECT c.id INTO _collection FROM {collections} c WHERE c.name OPERATOR(pg_catalog.=) {name};
    IF TG_ARGV[0] OPERATOR(pg_catalog.=) 'part' THEN
        BEGIN
            DELETE FROM {chunks} c WHERE NOT EXISTS (SELECT FROM {source} s WHERE {same});
        EXCEPTION WHEN undefined_table OR undefined_column OR data_exception THEN
            RAISE WARNING 'embeddb could not follow collection %: %', {name}, SQLERRM
                USING HINT = 'Run embeddb doctor.';
        END;
        RETURN NULL;  -- jobs of rows that are gone end by themselves
    END IF;
    DELETE FROM {jobs} j WHERE j.collection_id OPERATOR(pg_catalog.=) _collection;
    DELETE FROM {failed_jobs} f WHERE f.collection_id OPERATOR(pg_catalog.=) _collection;
    BEGIN  -- an emptied index is a fresh one; but nobody who searches is waited for
        LOCK TABLE {chunks} IN ACCESS EXCLUSIVE MODE NOWAIT;
        TRUNCATE {chunks};
    EXCEPTION WHEN lock_not_available OR object_in_use THEN
        DELETE FROM {chunks} c;
    END;
    RETURN NULL;
END
$the_body_of_a_trigger_function_between_tags_longer_than_sixty_three_bytes_$;
-- It runs with the privileges of whoever attached: a trigger on anybody's table that called it
-- could have it write what that person likes.
REVOKE ALL ON FUNCTION {function}() FROM PUBLIC
