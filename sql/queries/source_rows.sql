-- name: read
-- Read rows of a source as documents, by key.
SELECT d.id, d.content, d.metadata, d.media_type FROM {documents} d WHERE {asked_for}

-- name: first_page
-- The first keys of a source, in the order of its primary key.
SELECT d.id FROM {documents} d ORDER BY {keys} LIMIT %(limit)s

-- name: page
-- The keys of a source that come after one, in the order of its primary key. Comparing whole rows
-- lets Postgres read them from the index of that key.
SELECT d.id FROM {documents} d WHERE ({keys}) > ({after}) ORDER BY {keys} LIMIT %(limit)s

-- name: stored_chunks
-- What is stored of these documents: the hashes of their chunks' texts, where each begins and ends,
-- and what is known of its place, in order.
SELECT c.id,
       pg_catalog.array_agg(c.content_hash ORDER BY c.chunk_no),
       pg_catalog.array_agg(pg_catalog.lower(c.span) ORDER BY c.chunk_no),
       pg_catalog.array_agg(pg_catalog.upper(c.span) ORDER BY c.chunk_no),
       pg_catalog.array_agg(c.location ORDER BY c.chunk_no)
  FROM {chunks} c
 WHERE c.id = ANY (%(ids)s)
 GROUP BY c.id
