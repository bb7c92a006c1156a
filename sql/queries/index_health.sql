-- name: invalid
-- Return the invalid indexes of tables, and the processes at work on the table of each: an index is
-- invalid while it is built. Autovacuum is left out, as it gives way.
SELECT i.relname,
       ARRAY(SELECT l.pid
               FROM pg_catalog.pg_locks l
               LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
              WHERE (l.relation = t.oid
                     OR l.relation IN (SELECT p.relid
                                         FROM pg_catalog.pg_partition_tree(t.oid) p))
                AND l.database = (SELECT d.oid
                                    FROM pg_catalog.pg_database d
                                   WHERE d.datname = pg_catalog.current_database())
                AND l.mode = 'ShareUpdateExclusiveLock'
                AND l.pid <> pg_catalog.pg_backend_pid()
                AND a.backend_type IS DISTINCT FROM 'autovacuum worker')
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
 WHERE n.nspname = %(schema)s AND t.relname = ANY (%(tables)s)
   AND NOT (x.indisvalid AND x.indisready AND x.indislive)
 ORDER BY i.relname

-- name: functions
-- Return which functions of these names take a type of pgvector's first, and which of the other
-- names are there.
SELECT DISTINCT p.proname
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  LEFT JOIN pg_catalog.pg_type t ON t.oid = p.proargtypes[0]
  LEFT JOIN pg_catalog.pg_namespace v ON v.oid = t.typnamespace
 WHERE n.nspname = %(schema)s
   AND (p.proname = ANY (%(names)s) AND v.nspname = %(vector_schema)s
        OR p.proname = ANY (%(others)s))

-- name: table
-- Read the statistics of a table: rows as the planner knows them, live and dead rows, and how often
-- it was read as a whole. Those of a partitioned table are those of its partitions.
SELECT c.reltuples::bigint, pg_catalog.sum(pg_catalog.pg_stat_get_live_tuples(p.oid))::bigint,
       pg_catalog.sum(pg_catalog.pg_stat_get_dead_tuples(p.oid))::bigint,
       pg_catalog.sum(pg_catalog.pg_stat_get_numscans(p.oid))::bigint
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class p
    ON p.oid = c.oid OR p.oid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) t)
 WHERE n.nspname = %(schema)s AND c.relname = %(table)s
 GROUP BY c.oid, c.reltuples

-- name: table_users
-- Return the processes that hold a lock on a table, or wait for one.
SELECT DISTINCT l.pid
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_class c ON c.oid = l.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(table)s
   AND l.database = (SELECT d.oid
                       FROM pg_catalog.pg_database d
                      WHERE d.datname = pg_catalog.current_database())
   AND l.pid <> pg_catalog.pg_backend_pid()
 ORDER BY l.pid
