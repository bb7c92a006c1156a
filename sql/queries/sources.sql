-- name: list
-- Read the sources of a collection, in the order in which they came.
SELECT s.id, s.name, s.uri, s.types
  FROM {sources} s
  JOIN {collections} c ON c.id = s.collection_id
 WHERE c.name = %(name)s
 ORDER BY s.id

-- name: add
-- Enter a source, or find it where somebody else just did.
INSERT INTO {sources} AS s (collection_id, name, uri)
SELECT c.id, %(source)s, %(uri)s FROM {collections} c WHERE c.name = %(name)s
    ON CONFLICT (collection_id, name) DO UPDATE SET uri = excluded.uri
RETURNING s.id, s.name, s.uri, s.types

-- name: change
-- Store what a source is called by now, and where it is.
UPDATE {sources} s
   SET name = %(source)s, uri = %(uri)s
 WHERE s.id = %(id)s

-- name: finish
-- Store what a source was read as, and that it was read to its end.
UPDATE {sources} s
   SET types = %(types)s, ingested_at = pg_catalog.now()
 WHERE s.id = %(id)s
