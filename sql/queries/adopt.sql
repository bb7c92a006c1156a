-- name: kinds
-- The kind of each column of a table: the name of its type, seen through domains, and its modifier.
WITH RECURSIVE base AS (
    SELECT a.attname, a.atttypid AS type, a.atttypmod AS modifier
      FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = pg_catalog.to_regclass(%(source)s) AND a.attnum > 0 AND NOT a.attisdropped
     UNION ALL
    SELECT b.attname, t.typbasetype, t.typtypmod
      FROM base b
      JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype = 'd'
)
SELECT b.attname::text, t.typname::text, b.modifier
  FROM base b
  JOIN pg_catalog.pg_type t ON t.oid = b.type AND t.typtype <> 'd'

-- name: rows
-- How many rows a table has, as Postgres last estimated; not above 0 where it does not know.
SELECT c.reltuples::float8
  FROM pg_catalog.pg_class c
 WHERE c.oid = pg_catalog.to_regclass(%(source)s)

-- name: mark
-- Note which column the vectors of the existing rows are taken from.
UPDATE {backfills} b
   SET embedding_column = %(column)s
  FROM {collections} c
 WHERE c.name = %(name)s AND b.collection_id = c.id

-- name: marked
-- The column that the vectors of the existing rows are taken from, while there are rows left.
SELECT b.embedding_column
  FROM {backfills} b
 WHERE b.collection_id = %(collection)s AND b.finished_at IS NULL

-- name: state
-- How far the existing rows have come.
SELECT b.done, b.total, b.finished_at IS NOT NULL
  FROM {backfills} b
 WHERE b.collection_id = %(collection)s

-- name: collection
-- The id of a collection.
SELECT c.id FROM {collections} c WHERE c.name = %(name)s

-- name: enqueue
-- Put existing rows into the queue, and return those that were not in it and did not fail before:
-- nothing has happened to them, so their vectors may be taken. While this transaction is open,
-- whoever changes one of them waits for its job here. In the order in which triggers enqueue.
INSERT INTO {jobs} AS j (collection_id, key)
SELECT %(collection)s, given.key
  FROM pg_catalog.unnest(%(keys)s::text[]) AS given (key)
 ORDER BY given.key COLLATE pg_catalog."C"
    ON CONFLICT (collection_id, key) DO NOTHING
RETURNING j.key, EXISTS (
    SELECT FROM {failed_jobs} f WHERE f.collection_id = j.collection_id AND f.key = j.key)

-- name: vectors
-- The vectors that rows have already, in the binary format of `vector`.
SELECT d.id, {send}(d.adopted) FROM {documents} d WHERE d.adopted IS NOT NULL AND {asked_for}

-- name: finish
-- Remove the jobs of rows whose vectors were taken, in the transaction that made these jobs.
DELETE FROM {jobs} j WHERE j.collection_id = %(collection)s AND j.key = ANY (%(keys)s::text[])
