-- name: listen
-- Be notified of new jobs; the payload is the id of their collection.
LISTEN embeddb_jobs

-- name: collections
-- The ids and names of the attached collections; those that are paused are left out on request.
SELECT c.id, c.name
  FROM {collections} c
 WHERE c.source IS NOT NULL
   AND (c.paused_at IS NULL OR NOT %(at_work)s)
   AND (%(names)s::text[] IS NULL OR c.name = ANY (%(names)s::text[]))
 ORDER BY c.name

-- name: claim
-- Claim the oldest jobs of a collection under a lease. available_at moves with the lease: the jobs
-- are free again when it has run out, whatever became of the worker.
--
-- Jobs that were claimed before are claimed in smaller lots, so that a row that kills its worker
-- ends up alone: the oldest job decides on the lot, and only jobs with as many attempts join it.
--
-- SKIP LOCKED: a job that an application is changing, or another worker is claiming, is left for
-- later and never waited for. MATERIALIZED: they are looked for, and locked, once.
  WITH oldest AS MATERIALIZED (
       SELECT j.key, j.attempts, j.available_at
         FROM {jobs} j
        WHERE j.collection_id = %(collection)s
          AND j.available_at <= pg_catalog.statement_timestamp()
        ORDER BY j.available_at
        LIMIT %(limit)s
          FOR UPDATE SKIP LOCKED),
       ranked AS (
       SELECT o.key,
              LEAST(o.attempts, 2) AS lot,
              pg_catalog.first_value(LEAST(o.attempts, 2)) OVER age AS oldest_lot,
              pg_catalog.row_number() OVER age AS place
         FROM oldest o
       WINDOW age AS (ORDER BY o.available_at, o.key)),
       chosen AS (
       SELECT r.key
         FROM ranked r
        WHERE r.lot = r.oldest_lot
        ORDER BY r.place
        LIMIT (SELECT CASE pg_catalog.min(oldest_lot)
                      WHEN 0 THEN %(limit)s WHEN 1 THEN %(limit_second)s ELSE 1 END
                 FROM ranked))
UPDATE {jobs} j
   SET token = %(token)s,
       attempts = j.attempts + 1,
       leased_until = pg_catalog.clock_timestamp() + %(lease)s,
       available_at = pg_catalog.clock_timestamp() + %(lease)s
  FROM chosen c
 WHERE j.collection_id = %(collection)s AND j.key = c.key
RETURNING j.key, j.version, j.attempts, j.enqueued_at

-- name: renew
-- Prolong the lease of jobs that are still this claim's. SKIP LOCKED: what somebody has locked is
-- about to change, or is being finished, and needs no lease.
UPDATE {jobs} j
   SET leased_until = pg_catalog.clock_timestamp() + %(lease)s,
       available_at = pg_catalog.clock_timestamp() + %(lease)s
  FROM (SELECT own.key
          FROM {jobs} own
         WHERE own.collection_id = %(collection)s
           AND own.key = ANY (%(keys)s) AND own.token = %(token)s
           FOR UPDATE SKIP LOCKED) held
 WHERE j.collection_id = %(collection)s AND j.key = held.key

-- name: hold
-- The fence: lock, until the transaction ends, the jobs that still carry the token of their claim.
-- A change of the row took the token away. SKIP LOCKED: a job that an open transaction has locked is
-- about to change, so it is not waited for, and its chunks are not written.
SELECT j.key, j.version
  FROM {jobs} j
 WHERE j.collection_id = %(collection)s AND j.key = ANY (%(keys)s) AND j.token = %(token)s
 ORDER BY j.key
   FOR UPDATE SKIP LOCKED

-- name: finish
-- Remove jobs whose chunks are written, in the transaction that holds their locks.
DELETE FROM {jobs} j
 WHERE j.collection_id = %(collection)s AND j.key = ANY (%(keys)s) AND j.token = %(token)s

-- name: release
-- Put claimed jobs back as if they had not been claimed; nobody may claim them during a pause.
-- SKIP LOCKED: what somebody has locked is about to change, which frees it too.
UPDATE {jobs} j
   SET token = NULL,
       leased_until = NULL,
       attempts = GREATEST(j.attempts - 1, 0),
       available_at = pg_catalog.clock_timestamp() + %(pause)s,
       last_error = COALESCE(%(error)s, j.last_error)
  FROM (SELECT own.key
          FROM {jobs} own
         WHERE own.collection_id = %(collection)s
           AND own.key = ANY (%(keys)s) AND own.token = %(token)s
           FOR UPDATE SKIP LOCKED) held
 WHERE j.collection_id = %(collection)s AND j.key = held.key

-- name: retry_later
-- Put failed jobs back, each to be tried again after a pause of its own.
UPDATE {jobs} j
   SET token = NULL,
       leased_until = NULL,
       available_at = pg_catalog.clock_timestamp() + failed.pause,
       last_error = failed.error
  FROM (SELECT own.key, given.pause, given.error
          FROM {jobs} own
          JOIN ROWS FROM (
               pg_catalog.unnest(%(keys)s::text[]),
               pg_catalog.unnest(%(pauses)s::interval[]),
               pg_catalog.unnest(%(errors)s::text[])) AS given (key, pause, error)
            ON given.key = own.key
         WHERE own.collection_id = %(collection)s AND own.token = %(token)s
           FOR UPDATE OF own SKIP LOCKED) failed
 WHERE j.collection_id = %(collection)s AND j.key = failed.key
RETURNING j.key

-- name: fail
-- Move jobs that are given up to the failed ones. A row may have failed before: the new reason takes
-- the place of the old one.
  WITH held AS (
       SELECT own.key, given.error, given.message
         FROM {jobs} own
         JOIN ROWS FROM (
              pg_catalog.unnest(%(keys)s::text[]),
              pg_catalog.unnest(%(errors)s::text[]),
              pg_catalog.unnest(%(messages)s::text[])) AS given (key, error, message)
           ON given.key = own.key
        WHERE own.collection_id = %(collection)s AND own.token = %(token)s
          FOR UPDATE OF own SKIP LOCKED),
       gone AS (
       DELETE FROM {jobs} j
        USING held h
        WHERE j.collection_id = %(collection)s AND j.key = h.key
       RETURNING j.key, j.version, j.attempts, h.error, h.message)
INSERT INTO {failed_jobs} AS f
       (collection_id, key, version, attempts, error, message, failed_at)
SELECT %(collection)s, g.key, g.version, g.attempts, g.error, g.message,
       pg_catalog.clock_timestamp()
  FROM gone g
 ORDER BY g.key
    ON CONFLICT (collection_id, key) DO UPDATE
   SET version = excluded.version,
       attempts = excluded.attempts,
       error = excluded.error,
       message = excluded.message,
       failed_at = excluded.failed_at
RETURNING f.key

-- name: note_error
-- Note at the oldest job of a collection why nobody works on any of them. SKIP LOCKED: the note is
-- not worth waiting for.
UPDATE {jobs} j
   SET last_error = %(error)s
  FROM (SELECT o.key
          FROM {jobs} o
         WHERE o.collection_id = %(collection)s
         ORDER BY o.available_at
         LIMIT 1
           FOR UPDATE SKIP LOCKED) oldest
 WHERE j.collection_id = %(collection)s AND j.key = oldest.key

-- name: pending
-- The number of jobs of a collection, counted no further than a limit.
SELECT pg_catalog.count(*)
  FROM (SELECT FROM {jobs} j WHERE j.collection_id = %(collection)s LIMIT %(limit)s) few

-- name: next_available
-- In how many seconds the next job of these collections may be claimed; NULL where there is none.
-- LATERAL reads one row for each collection from the index on available_at.
SELECT EXTRACT(epoch FROM pg_catalog.min(n.available_at)
                          - pg_catalog.statement_timestamp())::float8
  FROM pg_catalog.unnest(%(collections)s::bigint[]) AS c (id)
 CROSS JOIN LATERAL (
       SELECT j.available_at
         FROM {jobs} j
        WHERE j.collection_id = c.id
        ORDER BY j.available_at
        LIMIT 1) n

-- name: counts
-- What the queue holds, for each attached collection. A job waits, or is worked on under a lease
-- that has not run out, or is delayed until another try after an error.
SELECT c.id, c.name, j.waiting, j.working, j.delayed, f.failed, j.oldest_seconds,
       COALESCE(f.last_error, j.last_error) AS last_error,
       b.total, b.done, b.finished_at IS NOT NULL
  FROM {collections} c
  LEFT JOIN {backfills} b ON b.collection_id = c.id
 CROSS JOIN LATERAL (
       SELECT pg_catalog.count(*) FILTER (
                  WHERE j.available_at <= pg_catalog.statement_timestamp()) AS waiting,
              pg_catalog.count(*) FILTER (
                  WHERE j.leased_until > pg_catalog.statement_timestamp()) AS working,
              pg_catalog.count(*) FILTER (
                  WHERE j.leased_until IS NULL
                    AND j.available_at > pg_catalog.statement_timestamp()) AS delayed,
              EXTRACT(epoch FROM pg_catalog.statement_timestamp()
                                 - pg_catalog.min(j.enqueued_at))::float8 AS oldest_seconds,
              (pg_catalog.array_agg(j.last_error ORDER BY j.available_at)
                  FILTER (WHERE j.last_error IS NOT NULL))[1] AS last_error
         FROM {jobs} j
        WHERE j.collection_id = c.id) j
 CROSS JOIN LATERAL (
       SELECT pg_catalog.count(*) AS failed,
              (pg_catalog.array_agg(f.error || ': ' || f.message
                                    ORDER BY f.failed_at DESC))[1] AS last_error
         FROM {failed_jobs} f
        WHERE f.collection_id = c.id) f
 WHERE c.source IS NOT NULL
   AND (%(names)s::text[] IS NULL OR c.name = ANY (%(names)s::text[]))
 ORDER BY c.name

-- name: queued
-- Jobs in the order in which they will be claimed.
SELECT c.name, j.key, j.version, j.attempts, j.enqueued_at, j.available_at,
       CASE WHEN j.leased_until > pg_catalog.statement_timestamp() THEN 'working'
            WHEN j.available_at > pg_catalog.statement_timestamp() THEN 'delayed'
            ELSE 'waiting' END,
       j.last_error
  FROM {jobs} j
  JOIN {collections} c ON c.id = j.collection_id
 WHERE %(name)s::text IS NULL OR c.name = %(name)s::text
 ORDER BY j.available_at, c.name, j.key
 LIMIT %(limit)s

-- name: failed
-- Jobs that were given up, the latest first.
SELECT c.name, f.key, f.version, f.attempts, f.error, f.message, f.failed_at
  FROM {failed_jobs} f
  JOIN {collections} c ON c.id = f.collection_id
 WHERE %(name)s::text IS NULL OR c.name = %(name)s::text
 ORDER BY f.failed_at DESC, c.name, f.key
 LIMIT %(limit)s

-- name: revive
-- Put failed jobs back into the queue, as if their rows had just changed, and notify the workers of
-- each collection. A row that did change since then has a job already.
  WITH gone AS (
       DELETE FROM {failed_jobs} f
        USING {collections} c
        WHERE c.id = f.collection_id
          AND (%(name)s::text IS NULL OR c.name = %(name)s::text)
          AND (%(keys)s::text[] IS NULL OR f.key = ANY (%(keys)s::text[]))
       RETURNING f.collection_id, f.key, f.version),
       queued AS (
       INSERT INTO {jobs} (collection_id, key, version)
       SELECT g.collection_id, g.key, g.version + 1
         FROM gone g
        ORDER BY g.collection_id, g.key
           ON CONFLICT (collection_id, key) DO NOTHING)
SELECT g.collection_id, pg_catalog.count(*),
       pg_catalog.pg_notify('embeddb_jobs', g.collection_id::text)
  FROM gone g
 GROUP BY g.collection_id

-- name: purge
-- Remove failed jobs; their rows have no chunks until they change again.
DELETE FROM {failed_jobs} f
 USING {collections} c
 WHERE c.id = f.collection_id
   AND (%(name)s::text IS NULL OR c.name = %(name)s::text)
   AND (%(keys)s::text[] IS NULL OR f.key = ANY (%(keys)s::text[]))
