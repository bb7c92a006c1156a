-- name: find
-- The relation that a name stands for, what it is, and what the role may do with it. The right to
-- create triggers is asked for, since a trigger of ours runs as whoever attached.
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text,
       c.relispartition, c.relrowsecurity,
       pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       pg_catalog.has_table_privilege(c.oid, 'TRIGGER')
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = pg_catalog.to_regclass(%(source)s)

-- name: like
-- Tables whose names are near a name that is none's.
SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')

-- name: columns
-- A table's columns in their order, and the type of each.
SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod)
  FROM pg_catalog.pg_attribute a
 WHERE a.attrelid = %(oid)s::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum

-- name: keys
-- The columns of a table's primary key, in the key's order.
SELECT a.attname::text
  FROM pg_catalog.pg_index i
 CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::smallint[]) WITH ORDINALITY k (attnum, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
 WHERE i.indrelid = %(oid)s::bigint::oid AND i.indisprimary AND k.place <= i.indnkeyatts
 ORDER BY k.place

-- name: followed
-- The table and all below it: a statement fires the triggers of the table that it names, so each
-- has its own. Emptying the first empties everything, but with mere inheritance.
WITH RECURSIVE tree AS (
    SELECT c.oid, c.relkind, true AS is_first
      FROM pg_catalog.pg_class c
     WHERE c.oid = %(oid)s::bigint::oid
     UNION
    SELECT c.oid, c.relkind, false
      FROM tree t
      JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid
      JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
)
SELECT n.nspname::text, c.relname::text,
       t.is_first AND (c.relkind = 'p' OR NOT EXISTS (
           SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid)),
       c.relkind::text
  FROM tree t
  JOIN pg_catalog.pg_class c ON c.oid = t.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 ORDER BY NOT t.is_first, 1, 2

-- name: shared_key
-- A key that several rows have: a primary key does not hold for tables that inherit.
SELECT {keys} FROM {source} s GROUP BY {keys} HAVING pg_catalog.count(*) > 1 LIMIT 1

-- name: missing_privileges
-- What the triggers will do as this role, and the role may not.
SELECT r.privilege || ' on ' || r.name
  FROM (VALUES ('collections', 'SELECT'), ('jobs', 'SELECT'), ('jobs', 'INSERT'),
               ('jobs', 'UPDATE'), ('jobs', 'DELETE'), ('failed_jobs', 'SELECT'),
               ('failed_jobs', 'DELETE'), ('backfills', 'SELECT'), ('backfills', 'INSERT'),
               ('reconciliations', 'SELECT'), ('reconciliations', 'INSERT'),
               ('reconciliations', 'UPDATE')) r (name, privilege)
 WHERE NOT pg_catalog.has_table_privilege(
               pg_catalog.format('%%I.%%I', %(schema)s::text, r.name), r.privilege)
 ORDER BY 1

-- name: copy_shape
-- An empty table of the same columns under the same name, to try the user's SQL on.
CREATE TEMPORARY TABLE {probe} (LIKE {source})

-- name: try_expression
-- What type an expression has; it is one expression, or this is a syntax error.
SELECT (
{expression}
) FROM {probe} LIMIT %(rows)s

-- name: keep_expression
-- Store an expression as Postgres understands it: a CHECK takes only what looks at one row.
ALTER TABLE {probe} ADD CONSTRAINT {constraint} CHECK ((
{expression}
) IS NOT NULL)

-- name: type_name
-- The name of a type by its OID.
SELECT pg_catalog.format_type(%(oid)s::bigint::oid, NULL)

-- name: kept
-- An expression as Postgres writes it with every name qualified, the columns that it reads (NULL
-- stands for a whole row), and the functions in it that give another result each time.
SELECT pg_catalog.pg_get_expr(k.conbin, k.conrelid),
       ARRAY(SELECT a.attname::text
               FROM pg_catalog.unnest(k.conkey) u (attnum)
               LEFT JOIN pg_catalog.pg_attribute a
                 ON a.attrelid = k.conrelid AND a.attnum = u.attnum AND u.attnum > 0
              ORDER BY u.attnum),
       ARRAY(SELECT DISTINCT p.proname::text
               FROM pg_catalog.regexp_matches(
                        k.conbin::text, ':(?:func|opfunc)id (\d+)', 'g') m (found)
               JOIN pg_catalog.pg_proc p ON p.oid = m.found[1]::oid
              WHERE p.provolatile = 'v'
              ORDER BY 1)
  FROM pg_catalog.pg_constraint k
 WHERE k.conrelid = %(probe)s::regclass AND k.conname = %(constraint)s

-- name: plain_path
-- Write and read names with their schemas.
SELECT pg_catalog.set_config('search_path', 'pg_catalog', true)

-- name: lock_timeout
-- Give up soon where a long transaction holds the table: the writers behind us would wait too.
SELECT pg_catalog.set_config('lock_timeout', %(milliseconds)s, true)

-- name: add_backfill
-- Start a backfill, in which the workers make a job of every row, and notify them.
INSERT INTO {backfills} AS b (collection_id)
SELECT c.id FROM {collections} c WHERE c.name = %(name)s
    ON CONFLICT (collection_id) DO UPDATE
   SET last_key = NULL, total = NULL, done = 0, started_at = NULL, finished_at = NULL
RETURNING pg_catalog.pg_notify('embeddb_jobs', b.collection_id::text)

-- name: take_back_jobs
-- Take the claimed jobs from the workers, who may have read the rows as declared before.
UPDATE {jobs} j
   SET version = j.version + 1,
       token = NULL,
       leased_until = NULL,
       available_at = pg_catalog.clock_timestamp()
  FROM {collections} c
 WHERE c.name = %(name)s AND j.collection_id = c.id AND j.token IS NOT NULL

-- name: remove_jobs
-- Delete the jobs of a collection.
DELETE FROM {jobs} j
 USING {collections} c
 WHERE c.name = %(name)s AND j.collection_id = c.id

-- name: set_source
-- Store a source as it is now.
UPDATE {collections} c SET source = %(source)s WHERE c.name = %(name)s

-- name: pause
-- Have workers leave a queue alone, or not any more. They see it when they next read the catalog.
UPDATE {collections} c
   SET paused_at = CASE WHEN %(paused)s THEN COALESCE(c.paused_at, pg_catalog.clock_timestamp()) END
 WHERE c.name = %(name)s
RETURNING pg_catalog.pg_notify('embeddb_jobs', c.id::text)

-- name: drop_view
-- Remove the view of a collection that is attached.
DROP VIEW IF EXISTS {view}

-- name: drop_trigger_function
-- Remove a function that follows a source, and the triggers that call it, wherever they are now.
DROP FUNCTION IF EXISTS {function}() CASCADE

-- name: drop_key_function
-- Remove a function that reads a column of a key.
DROP FUNCTION IF EXISTS {function}(text)

-- name: drop_policy
-- Let everybody who may read the chunks read all of them.
ALTER TABLE {chunks} DISABLE ROW LEVEL SECURITY

-- name: drop_policy_itself
-- Remove the policy that hid some chunks.
DROP POLICY IF EXISTS embeddb_source ON {chunks}

-- name: place
-- Return the schema and the name of the ordinary table that a name stands for in this session: no row
-- where the name stands for nothing, for a view or for a partition.
SELECT n.nspname::text AS place_schema, r.relname::text AS place_table
  FROM pg_catalog.pg_class r
  JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
 WHERE r.oid = pg_catalog.to_regclass(%(table)s::text)
   AND r.relkind IN ('r', 'p') AND NOT r.relispartition

-- name: list_beside
-- Read what is listed, each row beside the place of a table.
SELECT listed.*, place.place_schema, place.place_table
  FROM ({listed}) listed
  LEFT JOIN ({place}) place ON true

-- name: count_chunks
-- Count the chunks of a generation, up to a limit.
SELECT pg_catalog.count(*) FROM (SELECT FROM {chunks} LIMIT %(limit)s) counted
