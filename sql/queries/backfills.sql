-- name: unfinished
-- Which of these collections have rows that are not in the queue yet.
SELECT b.collection_id
  FROM {backfills} b
 WHERE b.collection_id = ANY (%(collections)s::bigint[]) AND b.finished_at IS NULL

-- name: hold
-- Take a collection's backfill for one page, unless another worker has it.
SELECT b.last_key
  FROM {backfills} b
 WHERE b.collection_id = %(collection)s AND b.finished_at IS NULL
   FOR UPDATE SKIP LOCKED

-- name: estimate
-- How many rows a large table has, as Postgres last estimated; NULL: it is small, or unknown.
SELECT CASE WHEN c.reltuples > %(exact_rows)s THEN c.reltuples::bigint END
  FROM pg_catalog.pg_class c
 WHERE c.oid = pg_catalog.to_regclass(%(table)s)

-- name: count
-- How many rows a table has.
SELECT pg_catalog.count(*) FROM {table}

-- name: begin
-- Remember how much there is to do.
UPDATE {backfills} b
   SET total = %(total)s, started_at = pg_catalog.clock_timestamp()
 WHERE b.collection_id = %(collection)s

-- name: patience
-- Do not wait long for an application's open transaction: another page comes at the next turn.
SELECT pg_catalog.set_config('lock_timeout', %(milliseconds)s, true)

-- name: enqueue
-- Put existing rows into the queue; one that is there already is read as it then is.
INSERT INTO {jobs} (collection_id, key)
SELECT %(collection)s, given.key
  FROM pg_catalog.unnest(%(keys)s::text[]) AS given (key)
 ORDER BY given.key
    ON CONFLICT (collection_id, key) DO NOTHING

-- name: advance
-- Remember how far a backfill has come, and tell the workers that there is something to do.
UPDATE {backfills} b
   SET last_key = COALESCE(%(last_key)s, b.last_key),
       done = b.done + %(count)s,
       total = CASE WHEN %(finished)s THEN b.done + %(count)s ELSE b.total END,
       finished_at = CASE WHEN %(finished)s THEN pg_catalog.clock_timestamp() END
 WHERE b.collection_id = %(collection)s
RETURNING pg_catalog.pg_notify('embeddb_jobs', %(collection)s::text)
