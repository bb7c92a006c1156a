-- name: list
-- The indexes of a table with their validity, access method, size and use. A leftover of
-- REINDEX CONCURRENTLY is listed too: it is invalid. An index of a partitioned table is as large,
-- and was used as often, as those of the partitions that belong to it. What belongs to the table
-- itself is left out: its key, and the index that finds a text again.
SELECT i.relname, a.amname, x.indisvalid AND x.indisready,
       coalesce((SELECT pg_catalog.sum(pg_catalog.pg_relation_size(p.relid))
                   FROM pg_catalog.pg_partition_tree(i.oid) p),
                pg_catalog.pg_relation_size(i.oid))::bigint,
       pg_catalog.pg_get_indexdef(i.oid),
       coalesce((SELECT pg_catalog.sum(pg_catalog.pg_stat_get_numscans(p.relid))
                   FROM pg_catalog.pg_partition_tree(i.oid) p),
                pg_catalog.pg_stat_get_numscans(i.oid))::bigint
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
  JOIN pg_catalog.pg_am a ON a.oid = i.relam
 WHERE n.nspname = %(schema)s AND t.relname = %(table)s AND NOT x.indisprimary
   AND x.indkey::text IS DISTINCT FROM (SELECT h.attnum::text
                                          FROM pg_catalog.pg_attribute h
                                         WHERE h.attrelid = t.oid AND h.attname = 'content_hash')
 ORDER BY i.relname

-- name: create_vector
-- Build a vector index while others read and write. No IF NOT EXISTS: it would keep an index
-- that an interrupted build left invalid.
CREATE INDEX CONCURRENTLY {index} ON {chunks} USING {method} ({expression} {opclass}) WITH ({options})

-- name: create_partial
-- Build the vector index of one part's chunks while others read and write.
CREATE INDEX CONCURRENTLY {index} ON {chunks} USING {method} ({expression} {opclass}) WITH ({options})
 WHERE part = {part}

-- name: create_partitioned
-- Begin the vector index of a partitioned table, which cannot be built CONCURRENTLY. It is invalid
-- until an index of each partition is attached to it.
CREATE INDEX {index} ON ONLY {chunks} USING {method} ({expression} {opclass}) WITH ({options})

-- name: attach
-- Attach the index of a partition to the whole table's.
ALTER INDEX {index} ATTACH PARTITION {partition}

-- name: is_partitioned
-- Return whether an index is one of a partitioned table; no row where there is none of that name.
SELECT c.relkind = 'I'
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(name)s

-- name: drop_partitioned
-- Remove the index of a partitioned table with those of the partitions that belong to it.
DROP INDEX IF EXISTS {index}

-- name: detached
-- Return the vector indexes of a table's partitions that belong to none of the whole table's.
SELECT i.relname
  FROM pg_catalog.pg_class t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
 CROSS JOIN LATERAL pg_catalog.pg_partition_tree(t.oid) p
  JOIN pg_catalog.pg_index x ON x.indrelid = p.relid
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_am a ON a.oid = i.relam
 WHERE n.nspname = %(schema)s AND t.relname = %(table)s
   AND p.relid <> t.oid AND NOT i.relispartition
   AND a.amname IN ('hnsw', 'ivfflat')
 ORDER BY i.relname

-- name: create_metadata
-- Build the index that answers filters on the metadata, while others read and write.
CREATE INDEX CONCURRENTLY {index} ON {documents} USING gin (metadata jsonb_path_ops)

-- name: drop
-- Remove an index while others read and write.
DROP INDEX CONCURRENTLY IF EXISTS {index}

-- name: no_limits
-- Lift the time limits of this session for a build; transaction_timeout exists from 17 on.
SELECT pg_catalog.set_config(s.name, '0', false)
  FROM pg_catalog.pg_settings s
 WHERE s.name IN ('statement_timeout', 'lock_timeout', 'transaction_timeout')

-- name: check_client
-- End what this session executes when its client is gone; a shorter interval that the server has
-- set stays.
SELECT pg_catalog.set_config(s.name, %(milliseconds)s::text, false)
  FROM pg_catalog.pg_settings s
 WHERE s.name = 'client_connection_check_interval'
   AND s.setting::integer NOT BETWEEN 1 AND %(milliseconds)s::integer

-- name: wait_for_lock
-- Set how long this session waits for a lock from now on; 0: as long as it takes.
SELECT pg_catalog.set_config('lock_timeout', %(limit)s, false)

-- name: build_limits
-- Return what this session's builds may use: bytes of memory, bytes that the server believes to be
-- cache, parallel workers, and how many of these there can be at all; then whether the session came
-- in by a Unix socket, and whether parallel workers share memory in /dev/shm.
SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')),
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('effective_cache_size')),
       pg_catalog.current_setting('max_parallel_maintenance_workers')::integer,
       least(pg_catalog.current_setting('max_parallel_workers')::integer,
             pg_catalog.current_setting('max_worker_processes')::integer),
       pg_catalog.inet_server_addr() IS NULL,
       pg_catalog.current_setting('dynamic_shared_memory_type') = 'posix'

-- name: progress
-- Return how far a build has come: transactions waited for where it waits, rows where the phase
-- counts rows, else blocks; and which process it waits for, and the age of its transaction.
SELECT p.phase,
       CASE WHEN p.phase LIKE 'waiting for %%' THEN p.lockers_done
            WHEN p.tuples_total > 0 THEN p.tuples_done ELSE p.blocks_done END,
       CASE WHEN p.phase LIKE 'waiting for %%' THEN p.lockers_total
            WHEN p.tuples_total > 0 THEN p.tuples_total ELSE p.blocks_total END,
       CASE WHEN p.phase LIKE 'waiting for %%' THEN p.current_locker_pid END,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8
  FROM pg_catalog.pg_stat_progress_create_index p
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = p.current_locker_pid
 WHERE p.pid = %(pid)s

-- name: lock_key
-- Return the advisory lock under which one collection's indexes are built.
SELECT pg_catalog.hashtextextended(%(name)s, 0)

-- name: analyze
-- Gather statistics after a load.
ANALYZE {table}
