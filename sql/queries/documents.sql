-- name: copy
-- Receive rows in Postgres's binary format.
COPY {table} ({columns}) FROM STDIN (FORMAT binary)

-- name: is_copied_to
-- Return whether a role may COPY into the chunks, which Postgres refuses where a policy concerns
-- it.
SELECT NOT pg_catalog.row_security_active(pg_catalog.to_regclass(%(chunks)s)::oid)

-- name: is_empty
-- Return whether a collection has no document at all.
SELECT NOT EXISTS (SELECT FROM {documents})

-- name: known
-- Read what is stored of these documents, to see what changed.
SELECT d.id, d.content_hash, d.metadata, d.uri, d.source_id
  FROM {documents} d
 WHERE d.id = ANY (%(ids)s)

-- name: same_content
-- Find a document with each of these contents.
SELECT DISTINCT ON (d.content_hash) d.id
  FROM {documents} d
 WHERE d.content_hash = ANY (%(hashes)s)
 ORDER BY d.content_hash, d.id

-- name: chunk_vectors
-- Read the vectors of these documents' chunks, by the hash of the text that they encode.
SELECT c.content_hash, {vector}
  FROM {chunks} c
 WHERE c.id = ANY (%(ids)s)

-- name: stage_documents
-- Create a place for a batch of documents, gone with the transaction.
CREATE TEMPORARY TABLE staged_documents
    (id text, content text, metadata jsonb, uri text, media_type text, content_hash bytea,
     source_id integer)
    ON COMMIT DROP

-- name: stage_chunks
-- Create a place for the batch's chunks, gone with the transaction.
CREATE TEMPORARY TABLE staged_chunks ON COMMIT DROP AS
SELECT {columns} FROM {chunks} WITH NO DATA

-- name: merge_documents
-- Put the batch in place of what is stored. The order of the ids makes two writers of the same
-- documents wait for each other instead of deadlocking. What another source brought in the meantime
-- is left as it is, which the number of rows tells. A document without a source keeps the one that
-- is stored.
INSERT INTO {documents} AS d (id, content, metadata, uri, media_type, content_hash, source_id)
SELECT s.id, s.content, s.metadata, s.uri, s.media_type, s.content_hash, s.source_id
  FROM pg_temp.staged_documents s
 ORDER BY s.id
    ON CONFLICT (id) DO UPDATE
   SET content = excluded.content,
       metadata = excluded.metadata,
       uri = excluded.uri,
       media_type = excluded.media_type,
       content_hash = excluded.content_hash,
       source_id = coalesce(excluded.source_id, d.source_id),
       updated_at = pg_catalog.now()
 WHERE d.source_id IS NOT DISTINCT FROM excluded.source_id
    OR d.source_id IS NULL OR excluded.source_id IS NULL
    OR d.source_id = ANY (%(replaceable)s::integer[])

-- name: delete_replaced_chunks
-- Remove the old chunks of the documents that the batch replaces.
DELETE FROM {chunks} c
 USING pg_temp.staged_documents s
 WHERE c.id = s.id

-- name: unstage_chunks
-- Drop the place of the batch's chunks: the next batch of the transaction creates its own.
DROP TABLE pg_temp.staged_chunks

-- name: insert_chunks
-- Add the batch's chunks.
INSERT INTO {chunks} ({columns})
SELECT {columns} FROM pg_temp.staged_chunks

-- name: update_metadata
-- Update the metadata of documents whose text stayed the same. The order of the ids makes two
-- writers wait for each other instead of deadlocking.
UPDATE {documents} d
   SET metadata = s.metadata,
       uri = s.uri,
       source_id = coalesce(s.source_id, d.source_id),
       updated_at = pg_catalog.now()
  FROM (SELECT * FROM ROWS FROM (
            pg_catalog.unnest(%(ids)s::text[]),
            pg_catalog.unnest(%(metadata)s::jsonb[]),
            pg_catalog.unnest(%(uris)s::text[]),
            pg_catalog.unnest(%(sources)s::integer[])) AS t (id, metadata, uri, source_id)
         ORDER BY 1) s
 WHERE d.id = s.id

-- name: adopt
-- Store which source documents belong to from now on. Nothing else about them changed.
UPDATE {documents} d
   SET source_id = s.source_id
  FROM (SELECT * FROM ROWS FROM (
            pg_catalog.unnest(%(ids)s::text[]),
            pg_catalog.unnest(%(sources)s::integer[])) AS t (id, source_id)
         ORDER BY 1) s
 WHERE d.id = s.id

-- name: update_parts
-- Move the chunks of documents whose metadata changed to the part that they now belong to.
UPDATE {chunks} c
   SET part = s.part
  FROM (SELECT * FROM ROWS FROM (
            pg_catalog.unnest(%(ids)s::text[]),
            pg_catalog.unnest(%(parts)s::text[])) AS t (id, part)) s
 WHERE c.id = s.id AND c.part <> s.part

-- name: get
-- Read documents by id.
SELECT d.id, d.content, d.metadata, d.uri, d.media_type
  FROM {documents} d
 WHERE {asked_for}

-- name: equal_ids
-- The ids under which documents are stored whose keys are equal to given ones.
SELECT k.id, c.id
  FROM pg_catalog.unnest(%(ids)s::text[]) k (id)
  JOIN {chunks} c ON c.chunk_no = 0 AND {equal}

-- name: first_vectors
-- Read the vector of each document's first chunk.
SELECT c.id, {vector}
  FROM {chunks} c
 WHERE c.id = ANY (%(ids)s) AND c.chunk_no = 0

-- name: peek
-- Read a few documents, in no order.
SELECT d.id, d.content, d.metadata, d.uri, d.media_type
  FROM {documents} d
 LIMIT %(limit)s

-- name: count
-- Count the documents that pass the filter.
SELECT pg_catalog.count(*) FROM {documents} d WHERE {condition}

-- name: count_chunks
-- Count the chunks.
SELECT pg_catalog.count(*) FROM {chunks}

-- name: ids_of_source
-- Read the ids of what a source brought, or of what none did, to find what left it.
SELECT d.id FROM {documents} d WHERE d.source_id IS NOT DISTINCT FROM %(source)s::integer

-- name: delete
-- Delete documents.
DELETE FROM {documents} d WHERE {condition} RETURNING d.id

-- name: delete_chunks
-- Delete the chunks of deleted documents. It is a statement of its own because the one before may
-- have waited for a writer whose new chunks its snapshot does not show.
DELETE FROM {chunks} c WHERE c.id = ANY (%(ids)s)

-- name: sample_vectors
-- Draw vectors at random, with the chunk that each belongs to.
SELECT c.id, c.chunk_no, {vector}
  FROM {chunks} c
 ORDER BY pg_catalog.random()
 LIMIT %(limit)s

-- name: sampled_percent
-- Return how much of a table is as many documents as are wanted, by what ANALYZE counted.
SELECT LEAST(100, 100.0 * %(rows)s / GREATEST(k.reltuples, 1))
  FROM pg_catalog.pg_class k
 WHERE k.oid = {table}::pg_catalog.regclass

-- name: field_types
-- Return the types that the values at some paths have in a sample of the documents, how many these
-- are, and whether they were drawn from all pages.
WITH drawn AS MATERIALIZED (
    SELECT d.metadata FROM {documents} d {sampled} LIMIT %(most)s
)
SELECT t.types, (SELECT pg_catalog.count(*) FROM drawn), ({percent}) >= 100
  FROM pg_catalog.unnest(%(paths)s::text[]) WITH ORDINALITY f (path, number)
  LEFT JOIN LATERAL (
       SELECT pg_catalog.array_agg(DISTINCT pg_catalog.jsonb_typeof(v.value)) AS types
         FROM drawn s,
              pg_catalog.jsonb_path_query(s.metadata, f.path::jsonpath, '{{}}', true) v (value)) t
       ON true
 ORDER BY f.number

-- name: field_names
-- Return the names of fields at a path, in a sample of the documents.
WITH drawn AS MATERIALIZED (
    SELECT d.metadata FROM {documents} d {sampled} LIMIT %(most)s
)
SELECT DISTINCT v.value #>> '{{}}'
  FROM drawn s, pg_catalog.jsonb_path_query(s.metadata, %(path)s::jsonpath, '{{}}', true) v (value)
 LIMIT %(most)s
