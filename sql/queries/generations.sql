-- name: join_writers
-- Wait for a switch to another generation, and keep the next one waiting until this transaction
-- ends; any number of writers hold this lock together.
SELECT pg_catalog.pg_advisory_xact_lock_shared(pg_catalog.hashtextextended(%(key)s, 1))

-- name: stop_writers
-- Wait until no writer is in the middle of a batch, and keep them waiting.
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(%(key)s, 1))

-- name: active
-- The generation that is searched and written. A statement of its own: the one that waited for
-- the lock has a snapshot from before.
SELECT c.active_generation FROM {collections} c WHERE c.name = %(name)s

-- name: remove_stale
-- Remove from the new generation what the old one no longer has, or has otherwise.
DELETE FROM {target} t
 WHERE NOT EXISTS (SELECT
                     FROM {source} c
                    WHERE c.id = t.id
                      AND c.chunk_no = t.chunk_no
                      AND c.content_hash = t.content_hash
                      AND c.span = t.span)

-- name: missing
-- What the old generation has and the new one has not.
SELECT c.id, c.chunk_no, c.content, pg_catalog.lower(c.span), pg_catalog.upper(c.span),
       c.content_hash, {vector}
  FROM {source} c
  LEFT JOIN {target} t ON t.id = c.id AND t.chunk_no = c.chunk_no
 WHERE t.id IS NULL
 LIMIT %(limit)s

-- name: set_active
-- Search and write another generation from now on.
UPDATE {collections} c SET active_generation = %(number)s WHERE c.name = %(name)s

-- name: set_state
-- Say what a generation is for.
UPDATE {generations} g
   SET state = %(state)s, wanted = NULL
  FROM {collections} c
 WHERE c.id = g.collection_id AND c.name = %(name)s AND g.number = %(number)s

-- name: lock_timeout
-- Do not wait long for readers of a table that is to go: new ones would queue behind.
SELECT pg_catalog.set_config('lock_timeout', %(milliseconds)s, true)
