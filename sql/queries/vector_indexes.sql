-- name: list
-- Return the vector indexes of the database, except those that belong to one of a partitioned
-- table: what they are on, as Postgres writes it, whether they are valid, and whether the search
-- path finds the table. An index on a column has the column's name, one on an expression has none.
SELECT n.nspname, t.relname, i.relname, x.indisvalid AND x.indisready, a.amname, c.attname,
       pg_catalog.pg_get_indexdef(i.oid, 1, false), o.opcname, i.reloptions,
       pg_catalog.pg_get_expr(x.indpred, x.indrelid), pg_catalog.pg_table_is_visible(t.oid)
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
  JOIN pg_catalog.pg_am a ON a.oid = i.relam
  JOIN pg_catalog.pg_opclass o ON o.oid = x.indclass[0]
  LEFT JOIN pg_catalog.pg_attribute c
    ON c.attrelid = x.indrelid AND c.attnum = x.indkey[0] AND c.attnum <> 0
 WHERE a.amname IN ('hnsw', 'ivfflat') AND NOT i.relispartition
   AND (%(schema)s::text IS NULL OR n.nspname = %(schema)s::text)
 ORDER BY n.nspname, t.relname, i.relname

-- name: create
-- Build a vector index.
CREATE INDEX{concurrently} {index} ON {table} USING {method} ({expression}{opclass}){options}{where}

-- name: drop
-- Remove an index.
DROP INDEX{concurrently} IF EXISTS {index}

-- name: rename
-- Rename an index.
ALTER INDEX {index} RENAME TO {new}

-- name: sketch
-- Create an empty table like another one, for this session. An index on it is built at once, and
-- Postgres then shows how it writes the index's expressions.
CREATE TEMPORARY TABLE {sketch} (LIKE {table}) ON COMMIT DROP

-- name: sketch_schema
-- Return the schema of this session's temporary tables.
SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = pg_catalog.pg_my_temp_schema()

-- name: state
-- Return whether the index of that name is valid. No row: there is none.
SELECT x.indisvalid AND x.indisready
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = i.relnamespace
 WHERE i.relname = %(name)s::text
   AND n.nspname = coalesce(%(schema)s::text, pg_catalog.current_schema())

-- name: table
-- Return whether a table is partitioned, about how many rows it has (-1: nobody knows), and the
-- dimensions of one of its columns (-1: any).
SELECT t.relkind = 'p', t.reltuples::bigint,
       (SELECT c.atttypmod FROM pg_catalog.pg_attribute c
         WHERE c.attrelid = t.oid AND c.attname = %(column)s::text)
  FROM pg_catalog.pg_class t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
 WHERE t.relname = %(table)s::text
   AND n.nspname = coalesce(%(schema)s::text, pg_catalog.current_schema())

-- name: own_pid
-- Return the process that serves this connection.
SELECT pg_catalog.pg_backend_pid()

-- name: keep_path
-- Keep the search_path of a script that is about to change it for its transaction.
SELECT pg_catalog.set_config('embeddb.kept_path', pg_catalog.current_setting('search_path'), true)

-- name: restore_path
-- Restore the search_path that was kept.
SELECT pg_catalog.set_config('search_path', pg_catalog.current_setting('embeddb.kept_path'), true)
