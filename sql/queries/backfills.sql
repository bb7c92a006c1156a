-- name: unfinished
-- Which of these collections have existing rows that are not in the queue yet.
SELECT b.collection_id
  FROM {backfills} b
 WHERE b.collection_id = ANY (%(collections)s::bigint[]) AND b.finished_at IS NULL

-- name: hold
-- Lock a collection's backfill for one page, and read how far it has come. SKIP LOCKED: while
-- another worker enqueues a page, there is nothing to do here.
SELECT b.last_key
  FROM {backfills} b
 WHERE b.collection_id = %(collection)s AND b.finished_at IS NULL
   FOR UPDATE SKIP LOCKED

-- name: estimate
-- How many rows a large table has, as Postgres last estimated; NULL where it is small, or unknown.
SELECT CASE WHEN c.reltuples > %(exact_rows)s THEN c.reltuples::bigint END
  FROM pg_catalog.pg_class c
 WHERE c.oid = pg_catalog.to_regclass(%(table)s)

-- name: count
-- How many rows a table has.
SELECT pg_catalog.count(*) FROM {table}

-- name: begin
-- Note that a backfill has begun, and how many rows it has.
UPDATE {backfills} b
   SET total = %(total)s, started_at = pg_catalog.clock_timestamp()
 WHERE b.collection_id = %(collection)s

-- name: lock_timeout
-- Bound the wait for locks in this transaction. The page waits where an application has enqueued one
-- of its rows and not committed; it is tried again at a later turn.
SELECT pg_catalog.set_config('lock_timeout', %(milliseconds)s, true)

-- name: enqueue
-- Put existing rows into the queue. A row that is in it already needs no second job: it is read when
-- the first one is done. In the same order as the triggers enqueue in, so that no deadlock arises.
INSERT INTO {jobs} (collection_id, key)
SELECT %(collection)s, given.key
  FROM pg_catalog.unnest(%(keys)s::text[]) AS given (key)
 ORDER BY given.key COLLATE pg_catalog."C"
    ON CONFLICT (collection_id, key) DO NOTHING

-- name: advance
-- Note how far a backfill has come, and notify the workers of new jobs. At the end, what was
-- enqueued takes the place of the estimate.
UPDATE {backfills} b
   SET last_key = COALESCE(%(last_key)s, b.last_key),
       done = b.done + %(count)s,
       total = CASE WHEN %(finished)s THEN b.done + %(count)s ELSE b.total END,
       finished_at = CASE WHEN %(finished)s THEN pg_catalog.clock_timestamp() END,
       embedding_column = CASE WHEN NOT %(finished)s THEN b.embedding_column END
 WHERE b.collection_id = %(collection)s
RETURNING pg_catalog.pg_notify('embeddb_jobs', %(collection)s::text)
