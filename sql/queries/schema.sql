-- name: exists
-- Look the schema up.
SELECT FROM pg_catalog.pg_namespace WHERE nspname = %(schema)s

-- name: create_schema
-- Create the schema that holds everything.
CREATE SCHEMA IF NOT EXISTS {schema}

-- name: create_extension
-- Install pgvector.
CREATE EXTENSION IF NOT EXISTS vector

-- name: try_lock
-- Take the advisory lock if nobody has it. Waiting inside a statement would hold a snapshot, for
-- which a concurrent index build waits in turn.
SELECT pg_catalog.pg_try_advisory_lock(%(key)s::bigint)

-- name: lock_in_transaction
-- Take the advisory lock until the transaction ends, waiting for it.
SELECT pg_catalog.pg_advisory_xact_lock(%(key)s::bigint)

-- name: unlock
-- Release the advisory lock.
SELECT pg_catalog.pg_advisory_unlock(%(key)s::bigint)
