-- name: texts_of
-- Read the texts of these chunks.
SELECT c.id, c.chunk_no, c.content
  FROM ROWS FROM (pg_catalog.unnest(%(ids)s::text[]),
                  pg_catalog.unnest(%(numbers)s::integer[])) k (id, chunk_no)
  JOIN {source} c ON c.id = k.id AND c.chunk_no = k.chunk_no
 WHERE c.content IS NOT NULL

-- name: lock
-- The number of a collection's active generation, which stays that until this transaction ends.
SELECT c.id, c.active_generation
  FROM {collections} c
 WHERE c.name = %(name)s
   FOR NO KEY UPDATE

-- name: remove
-- Remove a collection's encoder; its tokens go with it.
DELETE FROM {sql_encoders} e
 USING {collections} c
 WHERE c.id = e.collection_id AND c.name = %(name)s

-- name: add
-- Store what an encoder was trained for, and what was measured.
INSERT INTO {sql_encoders} (collection_id, fingerprint, generation, dim, length, max_tokens, rules,
                            report)
VALUES (%(collection)s, %(fingerprint)s, %(generation)s, %(dim)s, %(length)s, %(max_tokens)s,
        %(rules)s, %(report)s)
RETURNING id

-- name: get
-- What a collection's encoder was trained for, what was measured, when, and the bytes of its tokens.
SELECT e.fingerprint, e.generation, e.report, e.created_at,
       (SELECT pg_catalog.sum(pg_catalog.pg_column_size(t.*))
          FROM {sql_encoder_tokens} t
         WHERE t.encoder_id = e.id)::bigint
  FROM {sql_encoders} e
  JOIN {collections} c ON c.id = e.collection_id
 WHERE c.name = %(name)s

-- name: analyze
-- Let the planner know how many tokens there are: a plan made without would read all of them.
ANALYZE {sql_encoder_tokens}
