-- name: announce
-- Say for as long as this session lasts that it answers texts, for one collection or, 0, for all.
-- embeddb.query_worker looks for this lock.
SELECT pg_catalog.pg_advisory_lock_shared(
           (pg_catalog.hashtext(%(schema)s)::bigint & 2147483647)::integer,
           (%(collection)s::bigint & 2147483647)::integer)

-- name: collections
-- The numbers of these collections, or of all of them.
SELECT c.id, c.name
  FROM {collections} c
 WHERE %(names)s::text[] IS NULL OR c.name = ANY (%(names)s::text[])

-- name: claim
-- Texts that wait, the oldest first; another worker leaves them alone until this transaction ends.
SELECT r.id, c.name, r.text
  FROM {encode_requests} r
  JOIN {collections} c ON c.id = r.collection_id
 WHERE r.answered_at IS NULL AND (%(names)s::text[] IS NULL OR c.name = ANY (%(names)s::text[]))
 ORDER BY r.id
 LIMIT %(limit)s
   FOR UPDATE OF r SKIP LOCKED

-- name: answer
-- Give a text's vector, or say why it has none.
UPDATE {encode_requests} r
   SET answered_at = pg_catalog.clock_timestamp(), embedding = %(embedding)s::real[],
       problem = %(problem)s
 WHERE r.id = %(id)s

-- name: remember
-- Keep a text's vector for whoever asks with the same text.
INSERT INTO {encoded_queries} (fingerprint, text_hash, embedding)
VALUES (%(fingerprint)s, pg_catalog.sha256(pg_catalog.convert_to(%(text)s::text, 'UTF8')),
        %(embedding)s::real[])
    ON CONFLICT DO NOTHING

-- name: forget
-- Remove the oldest vectors beyond so many.
DELETE FROM {encoded_queries} q
 WHERE q.created_at <= (SELECT o.created_at
                          FROM {encoded_queries} o
                         ORDER BY o.created_at DESC
                        OFFSET %(most)s
                         LIMIT 1)

-- name: abandon
-- Remove what nobody waits for any more: who asked was killed, or gave up.
DELETE FROM {encode_requests} r
 WHERE r.created_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(unasked)s)
    OR r.answered_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(unread)s)
