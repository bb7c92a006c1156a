-- name: listen
-- Be notified of texts that SQL functions want encoded.
LISTEN embeddb_encode

-- name: announce
-- Hold, until this session ends, the shared lock that tells embeddb.query_worker that somebody
-- answers for a collection, or for all of them where the number is 0. A lock of the session, not of
-- a transaction: it goes with the worker, however that ends. The masks make both numbers fit into
-- the 32 bits that a lock's keys have.
SELECT pg_catalog.pg_advisory_lock_shared(
           (pg_catalog.hashtext(%(schema)s)::bigint & 2147483647)::integer,
           (%(collection)s::bigint & 2147483647)::integer)

-- name: collections
-- The ids and names of these collections, or of all of them.
SELECT c.id, c.name
  FROM {collections} c
 WHERE %(names)s::text[] IS NULL OR c.name = ANY (%(names)s::text[])

-- name: claim
-- The oldest texts that wait. SKIP LOCKED: what another worker is answering is left to it, and is
-- free again at the end of its transaction if it did not answer.
SELECT r.id, c.name, r.text
  FROM {encode_requests} r
  JOIN {collections} c ON c.id = r.collection_id
 WHERE r.answered_at IS NULL AND (%(names)s::text[] IS NULL OR c.name = ANY (%(names)s::text[]))
 ORDER BY r.id
 LIMIT %(limit)s
   FOR UPDATE OF r SKIP LOCKED

-- name: answer
-- Store a text's vector, or the reason why it has none.
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
-- Remove the oldest kept vectors beyond a number. OFFSET finds the youngest of those that go; where
-- no more are kept than that, there is none and nothing is removed.
DELETE FROM {encoded_queries} q
 WHERE q.created_at <= (SELECT o.created_at
                          FROM {encoded_queries} o
                         ORDER BY o.created_at DESC
                        OFFSET %(most)s
                         LIMIT 1)

-- name: abandon
-- Remove requests that nobody waits for any more: whoever asked was killed, or gave up.
DELETE FROM {encode_requests} r
 WHERE r.created_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(unasked)s)
    OR r.answered_at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(unread)s)
