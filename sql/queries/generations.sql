-- name: join_writers
-- Wait for a switch to another generation, and keep the next one waiting until this transaction
-- ends. Any number of writers hold this lock together.
SELECT pg_catalog.pg_advisory_xact_lock_shared(pg_catalog.hashtextextended(%(key)s, 1))

-- name: stop_writers
-- Wait until no writer is in the middle of a batch, and keep all of them waiting.
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(%(key)s, 1))

-- name: active
-- Return the generation that is searched and written. It is a statement of its own because the one
-- that waited for the lock has a snapshot from before.
SELECT c.active_generation FROM {collections} c WHERE c.name = %(name)s

-- name: remove_stale
-- Remove from the new generation what the old one no longer has, or has with another text.
DELETE FROM {target} t
 WHERE NOT EXISTS (SELECT
                     FROM {source} c
                    WHERE c.id = t.id
                      AND c.chunk_no = t.chunk_no
                      AND c.content_hash = t.content_hash
                      AND c.span = t.span
                      AND c.location IS NOT DISTINCT FROM t.location
                      {same_part})

-- name: missing
-- Read what the old generation has and the new one has not.
SELECT c.id, c.chunk_no, c.content, pg_catalog.lower(c.span), pg_catalog.upper(c.span),
       c.content_hash, {part}, c.location, {vector}
  FROM {source} c
  LEFT JOIN {target} t ON t.id = c.id AND t.chunk_no = c.chunk_no
 WHERE t.id IS NULL

-- name: missing_of
-- Read what the old generation has of these chunks and the new one has not.
SELECT c.id, c.chunk_no, c.content, pg_catalog.lower(c.span), pg_catalog.upper(c.span),
       c.content_hash, {part}, c.location, {vector}
  FROM ROWS FROM (pg_catalog.unnest(%(ids)s::text[]),
                  pg_catalog.unnest(%(numbers)s::integer[])) k (id, chunk_no)
  JOIN {source} c ON c.id = k.id AND c.chunk_no = k.chunk_no
  LEFT JOIN {target} t ON t.id = c.id AND t.chunk_no = c.chunk_no
 WHERE t.id IS NULL

-- name: sample_keys
-- Draw chunks at random.
SELECT c.id, c.chunk_no FROM {source} c ORDER BY pg_catalog.random() LIMIT %(limit)s

-- name: vectors
-- Read the vectors of all chunks.
SELECT c.id, c.chunk_no, {vector} FROM {source} c

-- name: vectors_of
-- Read the vectors of these chunks.
SELECT c.id, c.chunk_no, {vector}
  FROM ROWS FROM (pg_catalog.unnest(%(ids)s::text[]),
                  pg_catalog.unnest(%(numbers)s::integer[])) k (id, chunk_no)
  JOIN {source} c ON c.id = k.id AND c.chunk_no = k.chunk_no

-- name: sizes
-- Count a generation's rows, the bytes of its table, and those of its indexes, its key among them.
-- The tables of an IVF-PQ index count as one; a partitioned table is itself empty.
WITH parts AS (
    SELECT %(chunks)s::regclass::oid AS oid
     UNION ALL
    SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = %(chunks)s::regclass
)
SELECT (SELECT pg_catalog.count(*) FROM {chunks}),
       pg_catalog.sum(pg_catalog.pg_table_size(p.oid))::bigint,
       pg_catalog.sum(pg_catalog.pg_indexes_size(p.oid))::bigint
           + (SELECT coalesce(pg_catalog.sum(pg_catalog.pg_total_relation_size(
                         pg_catalog.to_regclass(t.name))), 0)::bigint
                FROM pg_catalog.unnest(%(codes)s::text[]) t (name))
  FROM parts p

-- name: set_active
-- Make another generation the one that is searched and written.
UPDATE {collections} c SET active_generation = %(number)s WHERE c.name = %(name)s

-- name: set_state
-- Set the state of a generation.
UPDATE {generations} g
   SET state = %(state)s, wanted = NULL
  FROM {collections} c
 WHERE c.id = g.collection_id AND c.name = %(name)s AND g.number = %(number)s

-- name: lock_active
-- Return the active generation, which stays that until this transaction ends.
SELECT c.active_generation FROM {collections} c WHERE c.name = %(name)s FOR NO KEY UPDATE

-- name: claim
-- Lock a generation for this session, unless another session has.
SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended(%(key)s, 2))

-- name: stay
-- Let this session be idle as long as its locks are needed.
SELECT pg_catalog.set_config(s.name, '0', false)
  FROM pg_catalog.pg_settings s
 WHERE s.name = 'idle_session_timeout'

-- name: running
-- Return the transactions that other sessions are in: any may be about to read a table that is to
-- be dropped.
SELECT l.virtualxid
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock'
   AND a.datname = pg_catalog.current_database()
   AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
   AND l.pid <> pg_catalog.pg_backend_pid()

-- name: grant
-- Grant a privilege on a generation's table.
GRANT {privilege} ON {target} TO {grantee}

-- name: lock_timeout
-- Do not wait long for readers of a table that is to be dropped: new ones would queue behind.
SELECT pg_catalog.set_config('lock_timeout', %(milliseconds)s, true)

-- name: read_the_index
-- Make Postgres read a vector index in this transaction even where reading all rows is cheaper.
SELECT pg_catalog.set_config('enable_seqscan', 'off', true)
