-- name: status
-- Read what is waiting and going on in a collection.
SELECT s.source, s.pending, extract(epoch FROM s.oldest_pending)::double precision, s.failed,
       s.last_error, s.workers, s.per_minute, s.backfill_done, s.backfill_total,
       s.backfill_finished_at, s.paused_at
  FROM {status} s
 WHERE s.name = %(name)s

-- name: source
-- Look the source up as Postgres has it now: its OID, whether it has row-level security, and its
-- columns. No row: it is gone, or has another name.
SELECT c.oid::bigint, c.relrowsecurity,
       ARRAY(SELECT a.attname::text
               FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(table)s

-- name: triggers
-- Return the triggers of a table that fire: O in an ordinary session, A always.
SELECT t.tgname::text
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND t.tgenabled IN ('O', 'A')

-- name: remove_orphans
-- Remove chunks whose row is gone: its delete was not yet committed when they were copied. It is a
-- statement of its own, after the transactions that were running then have ended. Where rows are
-- hidden from the role, nobody can tell which are gone, and none is removed.
DELETE FROM {chunks} c
 WHERE NOT EXISTS (SELECT FROM {documents} d WHERE {same})
   AND NOT pg_catalog.row_security_active(pg_catalog.to_regclass(%(source)s)::oid)

-- name: sees_all
-- Return whether no row of a table is hidden from the role: no policy concerns it, or one shows all
-- rows and no other narrows that.
SELECT NOT pg_catalog.row_security_active(c.oid)
       OR (p.shown IS TRUE AND p.narrowed IS NOT TRUE)
  FROM pg_catalog.pg_class c
 CROSS JOIN LATERAL (
    SELECT pg_catalog.bool_or(q.polpermissive AND q.is_true) AS shown,
           pg_catalog.bool_or(NOT q.polpermissive AND NOT q.is_true) AS narrowed
      FROM (SELECT o.polpermissive,
                   pg_catalog.pg_get_expr(o.polqual, o.polrelid) = 'true' AS is_true
              FROM pg_catalog.pg_policy o
             WHERE o.polrelid = c.oid AND o.polcmd IN ('r', '*')
               AND EXISTS (SELECT
                             FROM pg_catalog.unnest(o.polroles) u (role)
                            WHERE u.role = 0 OR pg_catalog.pg_has_role(u.role, 'USAGE'))
           ) q) p
 WHERE c.oid = pg_catalog.to_regclass(%(source)s)

-- name: key
-- The columns of the primary key of the table that a view reads, in the key's order, and all its
-- columns. The view stays bound to its table when that is renamed; the other tables that its text
-- is read from are left out. No row: the view is gone.
SELECT ARRAY(SELECT a.attname::text
               FROM pg_catalog.pg_index i
              CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::smallint[])
                         WITH ORDINALITY k (attnum, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
              WHERE i.indrelid = c.oid AND i.indisprimary AND k.place <= i.indnkeyatts
              ORDER BY k.place),
       ARRAY(SELECT a.attname::text
               FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
  FROM pg_catalog.pg_rewrite r
  JOIN pg_catalog.pg_depend d
    ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
   AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> r.ev_class
  JOIN pg_catalog.pg_class c ON c.oid = d.refobjid AND c.relkind IN ('r', 'p')
 WHERE r.ev_class = pg_catalog.to_regclass(%(view)s)
   AND (c.oid = pg_catalog.to_regclass(%(source)s)
        OR NOT EXISTS (SELECT FROM pg_catalog.unnest(%(others)s::text[]) o (name)
                        WHERE c.oid = pg_catalog.to_regclass(o.name)))
 ORDER BY c.oid = pg_catalog.to_regclass(%(source)s) DESC
 LIMIT 1
