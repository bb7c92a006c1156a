-- name: create_lists
-- Create the coarse lists of an IVF-PQ index, by their centres.
CREATE TABLE IF NOT EXISTS {lists} (list integer NOT NULL, centroid {vector} NOT NULL)

-- name: create_words
-- Create its codewords, a column at a time: the number that each of the 256 codewords of a sub-
-- vector has in one dimension. Sub-vector -1 is the rotation, if there is one.
CREATE TABLE IF NOT EXISTS {words} (
    subvector smallint NOT NULL,
    place smallint NOT NULL,
    numbers {vector} NOT NULL
)

-- name: create_codes
-- Create what is left of each chunk's vector: its list, a byte a sub-vector, and a number that
-- undoes much of what the code loses. The fixed sizes stand first, so that nothing is padded.
CREATE TABLE IF NOT EXISTS {codes} (
    list integer NOT NULL,
    chunk_no integer NOT NULL,
    correction real NOT NULL,
    id text NOT NULL,
    code bytea NOT NULL
)

-- name: keep_words
-- Store the numbers uncompressed: random numbers do not compress, and trying costs time.
ALTER TABLE {words} ALTER COLUMN numbers SET STORAGE EXTERNAL

-- name: grants
-- Who may do what with the chunks, their owner apart; NULL in place of a name is everybody.
SELECT DISTINCT a.privilege_type, r.rolname
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
 WHERE n.nspname = %(schema)s AND c.relname = %(chunks)s AND a.grantee <> c.relowner
   AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')

-- name: grant
-- Grant a privilege on the tables of an index to a role that has it on the chunks.
GRANT {privilege} ON {tables} TO {grantee}

-- name: drop
-- Remove the tables of an IVF-PQ index.
DROP TABLE IF EXISTS {lists}, {words}, {codes}

-- name: rename_table
-- Put a table that was built under another name in its place.
ALTER TABLE {table} RENAME TO {new}

-- name: key_lists
-- No list is there twice.
ALTER TABLE {lists} ADD PRIMARY KEY (list)

-- name: key_words
-- No column is there twice.
ALTER TABLE {words} ADD PRIMARY KEY (subvector, place)

-- name: index_ids
-- Index the codes of a document, for when it is replaced or deleted. The chunk's number is left
-- out: the chunks have it in their key, and this index stays smaller.
CREATE INDEX {index} ON {codes} (id)

-- name: index_lists
-- Index the codes of a list, which searches read.
CREATE INDEX {index} ON {codes} (list)

-- name: analyze
-- Gather statistics: how long the lists are.
ANALYZE {table}

-- name: version
-- Return which tables those of the index are now, if they exist: a build makes new ones.
SELECT pg_catalog.to_regclass(%(lists)s)::oid::bigint

-- name: lists
-- Read the centres.
SELECT {send}(l.centroid) FROM {lists} l ORDER BY l.list

-- name: words
-- Read the codewords, the rotation first.
SELECT w.subvector, {send}(w.numbers) FROM {words} w ORDER BY w.subvector, w.place

-- name: counts
-- Count the codes of each list.
SELECT l.list, pg_catalog.count(k.list)
  FROM {lists} l
  LEFT JOIN {codes} k ON k.list = l.list
 GROUP BY l.list
 ORDER BY l.list

-- name: info
-- Describe the index as one: the index on the lists, with the size of all that belongs to it.
SELECT i.relname, x.indisvalid AND x.indisready, pg_catalog.pg_get_indexdef(i.oid),
       pg_catalog.pg_stat_get_numscans(i.oid),
       (SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(t.oid))::bigint
          FROM pg_catalog.pg_class t
         WHERE t.relnamespace = n.oid AND t.relname = ANY (%(tables)s) AND t.relkind = 'r')
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_class k ON k.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace
 WHERE n.nspname = %(schema)s AND k.relname = %(codes)s AND i.relname = %(index)s

-- name: remove
-- Delete the codes of documents.
DELETE FROM {codes} k WHERE k.id = ANY (%(ids)s)

-- name: remove_dangling
-- Delete the codes of chunks that are gone.
DELETE FROM {codes} k
 WHERE NOT EXISTS (SELECT FROM {chunks} c WHERE c.id = k.id AND c.chunk_no = k.chunk_no)

-- name: sample
-- Draw vectors at random: the same ones as long as the table stays the same.
SELECT {vector}
  FROM {chunks} c TABLESAMPLE BERNOULLI (%(percent)s) REPEATABLE (0)

-- name: stage
-- Create a place where codes wait until all are there to be put in the order of their lists. It
-- also has which version of a chunk each was made of. It is gone with the transaction.
CREATE TEMPORARY TABLE staged_codes
    (list integer, chunk_no integer, correction real, code bytea, place tid, id text)
    ON COMMIT DROP

-- name: chunks
-- Read every chunk with its vector and its place.
SELECT c.id, c.chunk_no, pg_catalog.tidsend(c.ctid), {vector} FROM {chunks} c

-- name: analyze_staged
-- Gather statistics: the planner knows nothing of a temporary table.
ANALYZE pg_temp.staged_codes

-- name: load
-- Put the codes in the order of their lists: a search then reads neighbouring pages.
INSERT INTO {codes} (list, chunk_no, correction, id, code)
SELECT s.list, s.chunk_no, s.correction, s.id, s.code
  FROM pg_temp.staged_codes s
 ORDER BY s.list, s.id, s.chunk_no

-- name: stop_writers
-- Keep everybody from writing chunks until the transaction ends; searches go on.
LOCK TABLE {chunks} IN SHARE MODE

-- name: unload
-- Delete the codes of chunks that were removed or replaced since they were read. A place is not
-- used again as long as the cursor that read it is open.
WITH gone AS (
    DELETE FROM pg_temp.staged_codes s
     WHERE NOT EXISTS (SELECT
                         FROM {chunks} c
                        WHERE c.ctid = s.place AND c.id = s.id AND c.chunk_no = s.chunk_no)
    RETURNING s.id, s.chunk_no
)
DELETE FROM {codes} k USING gone g WHERE k.id = g.id AND k.chunk_no = g.chunk_no

-- name: added
-- Read the chunks that were written since the codes were made.
SELECT c.id, c.chunk_no, pg_catalog.tidsend(c.ctid), {vector}
  FROM {chunks} c
  LEFT JOIN pg_temp.staged_codes s ON s.id = c.id AND s.chunk_no = c.chunk_no
 WHERE s.id IS NULL

-- name: rename_index
-- Put an index that was built under another name in its place.
ALTER INDEX {table} RENAME TO {new}
