-- name: report
-- Note that a worker is alive, and what it has done so far.
INSERT INTO {workers} AS w
       (id, host, pid, version, started_at, seen_at, collections, processed, failed, wasted, rates)
VALUES (%(id)s, %(host)s, %(pid)s, %(version)s, %(started_at)s, pg_catalog.clock_timestamp(),
        %(collections)s, %(processed)s, %(failed)s, %(wasted)s, %(rates)s)
    ON CONFLICT (id) DO UPDATE
   SET seen_at = excluded.seen_at,
       collections = excluded.collections,
       processed = excluded.processed,
       failed = excluded.failed,
       wasted = excluded.wasted,
       rates = excluded.rates

-- name: remove
-- Remove a worker that has stopped.
DELETE FROM {workers} w WHERE w.id = %(id)s

-- name: remove_silent
-- Remove workers that have not reported themselves for long: they were killed.
DELETE FROM {workers} w
 WHERE w.seen_at < pg_catalog.clock_timestamp() - %(silence)s

-- name: list
-- The workers that reported themselves lately, the oldest first.
SELECT w.id, w.host, w.pid, w.version, w.collections, w.processed, w.failed, w.wasted, w.rates,
       EXTRACT(epoch FROM w.seen_at - w.started_at)::float8,
       EXTRACT(epoch FROM pg_catalog.clock_timestamp() - w.seen_at)::float8
  FROM {workers} w
 ORDER BY w.started_at, w.id
