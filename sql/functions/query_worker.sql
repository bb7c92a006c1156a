-- Return whether a worker answers texts for a collection now. While it does, its session holds a
-- shared advisory lock, which ends with the session whatever ends that, and which every snapshot
-- sees. The lock's first number stands for this schema, the second for the collection, or 0 for
-- all.
CREATE OR REPLACE FUNCTION {schema}.query_worker(_collection bigint)
RETURNS boolean
LANGUAGE plpgsql
STABLE
STRICT
SET search_path TO pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN EXISTS (
        SELECT FROM pg_catalog.pg_locks l
         WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory'
           AND l.database OPERATOR(pg_catalog.=) (
                   SELECT d.oid FROM pg_catalog.pg_database d
                    WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
           AND l.classid::bigint OPERATOR(pg_catalog.=)
                   (pg_catalog.hashtext({name}::text)::bigint
                    OPERATOR(pg_catalog.&) 2147483647)
           AND l.objid::bigint OPERATOR(pg_catalog.=) ANY (
                   ARRAY[0, _collection OPERATOR(pg_catalog.&) 2147483647])
           AND l.objsubid OPERATOR(pg_catalog.=) 2
           AND l.granted);
END
$function$
