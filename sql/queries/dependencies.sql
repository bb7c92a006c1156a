-- name: keep
-- Store an expression over a row as Postgres understands it, subqueries and all. In a WHERE, neither
-- aggregates over the rows themselves nor window functions nor sets of rows are allowed.
CREATE TEMPORARY VIEW {view} AS SELECT (
{expression}
) AS embeddb_probed FROM {source} AS {alias} WHERE (
{expression}
) IS NOT NULL

-- name: kept
-- A stored expression as Postgres writes it with every name qualified, how many columns there are,
-- the type of the first, whether whole rows are read, the functions that give another result each
-- time, and every table with what is read of it. The view's own row is not counted as a read.
SELECT pg_catalog.pg_get_viewdef(c.oid),
       c.relnatts::int,
       a.atttypid::bigint,
       pg_catalog.format_type(a.atttypid, NULL),
       r.ev_action::text ~ '{{VAR :varno \d+ :varattno 0 ',
       ARRAY(SELECT DISTINCT p.proname::text
               FROM pg_catalog.regexp_matches(
                        r.ev_action::text, ':(?:func|opfunc|aggfn|winfn)o?id (\d+)', 'g') m (found)
               JOIN pg_catalog.pg_proc p ON p.oid = m.found[1]::oid
              WHERE p.provolatile = 'v'
              ORDER BY 1),
       ARRAY(SELECT pg_catalog.jsonb_build_array(
                        t.oid::bigint, n.nspname, t.relname, t.relkind,
                        ARRAY(SELECT b.attname
                                FROM pg_catalog.pg_depend d
                                JOIN pg_catalog.pg_attribute b
                                  ON b.attrelid = t.oid AND b.attnum = d.refobjsubid
                               WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass
                                 AND d.objid = r.oid
                                 AND d.refclassid = 'pg_catalog.pg_class'::regclass
                                 AND d.refobjid = t.oid AND d.refobjsubid > 0
                               ORDER BY b.attnum),
                        pg_catalog.count(*))
               FROM pg_catalog.regexp_matches(
                        r.ev_action::text, ':rtekind 0 :relid (\d+)', 'g') m (found)
               JOIN pg_catalog.pg_class t ON t.oid = m.found[1]::oid
               JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
              WHERE t.oid <> c.oid
              GROUP BY t.oid, n.nspname, t.relname, t.relkind
              ORDER BY n.nspname, t.relname)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1
 WHERE c.oid = %(view)s::regclass

-- name: parents
-- The columns that lead to the rows whose text is read: no row, and the type of each.
SELECT embeddb_parents.* FROM {clause} LIMIT %(rows)s

-- name: type_names
-- The names of types by their OIDs, in their order.
SELECT pg_catalog.format_type(u.oid, NULL)
  FROM pg_catalog.unnest(%(oids)s::bigint[]::oid[]) WITH ORDINALITY u (oid, place)
 ORDER BY u.place

-- name: compare
-- Try whether the values of these columns can be compared at all; no row is read.
SELECT {columns} FROM {source} WHERE false EXCEPT ALL SELECT {columns} FROM {source} WHERE false

-- name: is_foreign_key
-- Return whether a foreign key leads from these columns of one table to these of another.
SELECT EXISTS (
    SELECT
      FROM pg_catalog.pg_constraint k
     WHERE k.contype = 'f' AND k.convalidated
       AND k.conrelid = %(other)s::bigint::oid AND k.confrelid = %(parent)s::bigint::oid
       AND pg_catalog.cardinality(k.conkey) = pg_catalog.cardinality(%(columns)s::text[])
       AND NOT EXISTS (
           SELECT
             FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey)) u (a, b)
             JOIN pg_catalog.pg_attribute x ON x.attrelid = k.conrelid AND x.attnum = u.a
             JOIN pg_catalog.pg_attribute y ON y.attrelid = k.confrelid AND y.attnum = u.b
            WHERE NOT EXISTS (
                SELECT
                  FROM ROWS FROM (pg_catalog.unnest(%(columns)s::text[]),
                                  pg_catalog.unnest(%(keys)s::text[])) w (a, b)
                 WHERE w.a = x.attname AND w.b = y.attname)))
