-- name: chunks_page
-- Look at a page of documents that have chunks: how many there are, the last one, and those whose
-- row is gone. Every document has a chunk of number 0, so that the primary key is read in order.
WITH page AS MATERIALIZED (
    SELECT c.id
      FROM {chunks} c
     WHERE c.chunk_no = 0 AND (%(after)s::text IS NULL OR c.id > %(after)s::text)
     ORDER BY c.id
     LIMIT %(limit)s
)
SELECT pg_catalog.count(*), pg_catalog.max(p.id),
       COALESCE(pg_catalog.array_agg(p.id) FILTER (WHERE NOT EXISTS (
           SELECT FROM {documents} d WHERE {same})), '{{}}')
  FROM page p

-- name: estimate
-- How many chunks there are, as Postgres last estimated.
SELECT c.reltuples FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(%(table)s)

-- name: orphans
-- Which of these documents have no row, as it is now.
SELECT p.id
  FROM pg_catalog.unnest(%(ids)s::text[]) p (id)
 WHERE NOT EXISTS (SELECT FROM {documents} d WHERE {same})

-- name: rows_page
-- Look at a page of rows: how many there are, the last one, and those whose chunks are not made of
-- their text. A row that waits in the queue, or was given up, is known of already. What is parsed
-- out of a document stands nowhere in the row: there is only whether there are chunks.
WITH page AS MATERIALIZED (
    SELECT d.id, d.content, pg_catalog.row_number() OVER (ORDER BY {keys}) AS place
      FROM {documents} d
     {after}
     ORDER BY {keys}
     LIMIT %(limit)s
), looked_at AS (
    SELECT p.id, p.place,
           CASE WHEN p.content ~ {text} THEN s.differs ELSE s.chunks > 0 END AS differs
      FROM page p
     CROSS JOIN LATERAL (
        SELECT pg_catalog.count(*) AS chunks,
               pg_catalog.count(*) = 0
               OR {is_plain} AND pg_catalog.bool_or(c.content IS DISTINCT FROM pg_catalog.substr(
                      p.content, pg_catalog.lower(c.span) + 1,
                      pg_catalog.upper(c.span) - pg_catalog.lower(c.span)))
               OR {is_plain} AND pg_catalog.max(pg_catalog.upper(c.span))
                  < pg_catalog.length(pg_catalog.regexp_replace(p.content, {end}, '')) AS differs
          FROM {chunks} c
         WHERE c.id = p.id) s
)
SELECT pg_catalog.count(*),
       (pg_catalog.array_agg(l.id ORDER BY l.place DESC))[1],
       COALESCE(pg_catalog.array_agg(l.id) FILTER (WHERE l.differs AND NOT EXISTS (
           SELECT FROM {jobs} j WHERE j.collection_id = %(collection)s AND j.key = l.id)
         AND NOT EXISTS (
           SELECT FROM {failed_jobs} f
            WHERE f.collection_id = %(collection)s AND f.key = l.id)), '{{}}')
  FROM looked_at l

-- name: take
-- Make a job of each key, and take it from whoever works on it: from here on nobody writes chunks
-- of it but whoever comes after this transaction.
INSERT INTO {jobs} AS j (collection_id, key)
SELECT %(collection)s, k.key
  FROM pg_catalog.unnest(%(keys)s::text[]) k (key)
 ORDER BY k.key COLLATE pg_catalog."C"
    ON CONFLICT (collection_id, key) DO UPDATE
   SET version = j.version + 1, token = NULL, leased_until = NULL,
       available_at = pg_catalog.clock_timestamp()

-- name: forget
-- Delete the jobs of keys that have no row.
DELETE FROM {jobs} j WHERE j.collection_id = %(collection)s AND j.key = ANY (%(keys)s)

-- name: forget_failed
-- Delete the failures of keys that have no row.
DELETE FROM {failed_jobs} f WHERE f.collection_id = %(collection)s AND f.key = ANY (%(keys)s)

-- name: due
-- Which of these collections are to be compared with their tables now: what was begun goes on, and
-- what was finished long ago begins anew; a negative interval stands for never. Rows that come into
-- the queue anyway are waited for.
SELECT c.id
  FROM {collections} c
  LEFT JOIN {reconciliations} r ON r.collection_id = c.id
 WHERE c.id = ANY (%(collections)s::bigint[])
   AND CASE WHEN r.collection_id IS NULL THEN %(seconds)s >= 0
            WHEN r.finished_at IS NULL THEN true
            ELSE %(seconds)s >= 0
                 AND r.finished_at < pg_catalog.clock_timestamp()
                                     - pg_catalog.make_interval(secs => %(seconds)s) END
   AND NOT EXISTS (SELECT FROM {backfills} b
                    WHERE b.collection_id = c.id AND b.finished_at IS NULL)

-- name: drained
-- Return whether nothing is left to do for these collections: no job, no existing row that is not in
-- the queue yet, no comparison that is due. In one statement, since a row that leaves one of these
-- for another between two looks would be in neither.
SELECT NOT EXISTS (SELECT FROM {jobs} j WHERE j.collection_id = ANY (%(collections)s::bigint[]))
   AND NOT EXISTS (SELECT FROM {backfills} b
                    WHERE b.collection_id = ANY (%(collections)s::bigint[])
                      AND b.finished_at IS NULL)
   AND NOT EXISTS ({due})

-- name: add
-- Note a collection that was never compared.
INSERT INTO {reconciliations} (collection_id) VALUES (%(collection)s) ON CONFLICT DO NOTHING

-- name: request
-- Have a collection compared with its table from the beginning, now or, where it is known to be the
-- same, in due time.
INSERT INTO {reconciliations} AS r (collection_id, finished_at)
SELECT c.id, CASE WHEN %(is_same)s THEN pg_catalog.clock_timestamp() END
  FROM {collections} c
 WHERE c.name = %(name)s
    ON CONFLICT (collection_id) DO UPDATE
   SET phase = 'chunks', last_key = NULL, looked_at = 0, removed = 0, enqueued = 0,
       started_at = NULL, finished_at = EXCLUDED.finished_at

-- name: begin
-- Have a collection compared with its table, unless that is going on.
INSERT INTO {reconciliations} AS r (collection_id)
SELECT c.id FROM {collections} c WHERE c.name = %(name)s
    ON CONFLICT (collection_id) DO UPDATE SET finished_at = NULL, phase = 'chunks', last_key = NULL,
       started_at = NULL
 WHERE r.finished_at IS NOT NULL

-- name: sample
-- Count, of some chunks, those whose row is gone, and of some rows, those that have text, no chunk,
-- and no place in the queue. The first of either in the order of their keys, or of any order: old
-- rows go first.
WITH some_chunks AS MATERIALIZED (
    SELECT c.id FROM {chunks} c WHERE c.chunk_no = 0 ORDER BY c.id LIMIT %(limit)s
), any_chunks AS MATERIALIZED (
    SELECT c.id FROM {chunks} c TABLESAMPLE SYSTEM (%(percent)s)
     WHERE c.chunk_no = 0 LIMIT %(limit)s
), some_rows AS MATERIALIZED (
    SELECT d.id, d.content FROM {documents} d ORDER BY {keys} LIMIT %(limit)s
), last_rows AS MATERIALIZED (
    SELECT d.id, d.content FROM {documents} d ORDER BY {backwards} LIMIT %(limit)s
)
SELECT (SELECT pg_catalog.count(*)
          FROM (SELECT s.id FROM some_chunks s UNION SELECT a.id FROM any_chunks a) p
         WHERE NOT EXISTS (SELECT FROM {documents} d WHERE {same})),
       (SELECT pg_catalog.count(*)
          FROM (SELECT s.id, s.content FROM some_rows s
                 UNION SELECT l.id, l.content FROM last_rows l) p
         WHERE {is_plain} AND p.content ~ {text}
           AND NOT EXISTS (SELECT FROM {chunks} c WHERE c.id = p.id)
           AND NOT EXISTS (SELECT FROM {jobs} j
                            WHERE j.collection_id = %(collection)s AND j.key = p.id)
           AND NOT EXISTS (SELECT FROM {failed_jobs} f
                            WHERE f.collection_id = %(collection)s AND f.key = p.id))

-- name: hold
-- Lock a collection's comparison for one page, and read how far it has come. What was finished
-- begins anew. SKIP LOCKED: while another process looks at a page, there is nothing to do here.
SELECT CASE WHEN r.finished_at IS NULL THEN r.phase ELSE 'chunks' END,
       CASE WHEN r.finished_at IS NULL THEN r.last_key END,
       r.finished_at IS NOT NULL OR r.started_at IS NULL
  FROM {reconciliations} r
 WHERE r.collection_id = %(collection)s
   FOR UPDATE SKIP LOCKED

-- name: advance
-- Note how far a comparison has come.
UPDATE {reconciliations} r
   SET phase = %(phase)s,
       last_key = %(last_key)s,
       looked_at = CASE WHEN %(begins)s THEN 0 ELSE r.looked_at END + %(looked_at)s,
       removed = CASE WHEN %(begins)s THEN 0 ELSE r.removed END + %(removed)s,
       enqueued = CASE WHEN %(begins)s THEN 0 ELSE r.enqueued END + %(enqueued)s,
       started_at = CASE WHEN %(begins)s THEN pg_catalog.clock_timestamp() ELSE r.started_at END,
       finished_at = CASE WHEN %(finished)s THEN pg_catalog.clock_timestamp() END
 WHERE r.collection_id = %(collection)s
RETURNING r.looked_at, r.removed, r.enqueued

-- name: notify
-- Notify the workers of new jobs.
SELECT pg_catalog.pg_notify('embeddb_jobs', %(collection)s::text)

-- name: id
-- The id of a collection.
SELECT c.id FROM {collections} c WHERE c.name = %(name)s
