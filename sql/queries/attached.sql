-- name: status
-- What is waiting and going on in a collection.
SELECT s.source, s.pending, extract(epoch FROM s.oldest_pending)::double precision, s.failed,
       s.last_error, s.workers, s.per_minute, s.backfill_done, s.backfill_total,
       s.backfill_finished_at
  FROM {status} s
 WHERE s.name = %(name)s

-- name: source
-- The source as Postgres has it now: where it is, whether its rows are hidden by a policy, and which
-- columns it has. No row: it is gone, or has another name.
SELECT c.oid::bigint, c.relrowsecurity,
       ARRAY(SELECT a.attname::text
               FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(table)s

-- name: triggers
-- The triggers of a table that are there and fire: O in a session like any, A always.
SELECT t.tgname::text
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND t.tgenabled IN ('O', 'A')

-- name: remove_orphans
-- Remove chunks whose row is gone: its delete was not yet committed when they were copied. A
-- statement of its own, after the transactions that were running then have ended.
-- Nobody from whom rows are hidden can tell which are gone.
DELETE FROM {chunks} c
 WHERE NOT EXISTS (SELECT FROM {documents} d WHERE {same})
   AND NOT pg_catalog.row_security_active(pg_catalog.to_regclass(%(source)s)::oid)

-- name: sees_all
-- Whether no row of a table is hidden from the role: no policy concerns it, or one shows it all.
SELECT NOT pg_catalog.row_security_active(c.oid)
       OR EXISTS (SELECT
                    FROM pg_catalog.pg_policy p
                   WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('r', '*')
                     AND pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true'
                     AND EXISTS (SELECT
                                   FROM pg_catalog.unnest(p.polroles) r (role)
                                  WHERE r.role = 0
                                     OR pg_catalog.pg_has_role(r.role, 'USAGE')))
  FROM pg_catalog.pg_class c
 WHERE c.oid = pg_catalog.to_regclass(%(source)s)
