-- name: begin
-- Begin a transaction.
BEGIN

-- name: commit
-- Complete a transaction.
COMMIT

-- name: rollback
-- Take a transaction back.
ROLLBACK

-- name: savepoint
-- Begin a part of a transaction that can be taken back alone.
SAVEPOINT {savepoint}

-- name: release
-- Forget a savepoint, and keep what was done since.
RELEASE SAVEPOINT {savepoint}

-- name: rollback_to
-- Take back what was done since a savepoint.
ROLLBACK TO SAVEPOINT {savepoint}

-- name: let_go
-- Let go of the snapshot of the statement before.
SELECT

-- name: is_clean
-- Return whether a transaction has written nothing, keeps no snapshot, and holds no lock on any of
-- these relations that work on another connection could have to wait for.
SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NULL
       AND pg_catalog.current_setting('transaction_isolation') = 'read committed'
       AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_locks l
             JOIN pg_catalog.pg_class c ON c.oid = l.relation
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'
              AND (n.nspname = %(schema)s AND pg_catalog.starts_with(c.relname::text, %(chunks)s)
                   OR l.mode NOT IN ('AccessShareLock', 'RowShareLock')))
