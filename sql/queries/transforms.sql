-- name: add
-- Store a transform, or find the one that is the same; xmax tells which of the two it was.
INSERT INTO {transforms} AS t (words, steps, input_dim, dim, fingerprint, is_leading, is_unit, is_isometric,
                               fitted_rows)
VALUES (%(words)s, %(steps)s, %(input_dim)s, %(dim)s, %(fingerprint)s, %(leading)s, %(unit)s,
        %(isometric)s, %(fitted_rows)s)
    ON CONFLICT (fingerprint) DO UPDATE SET fingerprint = excluded.fingerprint
RETURNING t.id, t.xmax = 0

-- name: get
-- Read what a transform is made of.
SELECT t.words, t.steps, t.input_dim, t.fitted_rows FROM {transforms} t WHERE t.id = %(id)s

-- name: rows
-- Read the matrices of a transform, in their order.
SELECT r.step, r.row_no, pg_catalog.array_send(r.weights), r.bias
  FROM {transform_rows} r
 WHERE r.transform_id = %(id)s
 ORDER BY r.step, r.row_no

-- name: lock
-- Keep others from beginning or ceasing to use a transform until this transaction ends.
SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(%(key)s, 3))

-- name: remove_unused
-- Delete transforms that no generation refers to.
DELETE FROM {transforms} t
 WHERE NOT EXISTS (SELECT FROM {generations} g WHERE g.transform_id = t.id)
