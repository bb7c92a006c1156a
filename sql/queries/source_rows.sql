-- name: read
-- Rows of a source as documents, by key.
SELECT d.id, d.content, d.metadata FROM {documents} d WHERE {wanted}

-- name: first_page
-- The first keys of a source, in their order.
SELECT d.id FROM {documents} d ORDER BY {keys} LIMIT %(limit)s

-- name: page
-- The keys that come after one.
SELECT d.id FROM {documents} d WHERE ({keys}) > ({after}) ORDER BY {keys} LIMIT %(limit)s
