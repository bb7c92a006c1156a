-- name: exists
-- Whether the schema is there.
SELECT FROM pg_catalog.pg_namespace WHERE nspname = %(schema)s

-- name: create_schema
-- The schema that holds everything.
CREATE SCHEMA IF NOT EXISTS {schema}

-- name: create_extension
-- pgvector itself.
CREATE EXTENSION IF NOT EXISTS vector

-- name: try_lock
-- Take the advisory lock if nobody has it; waiting inside a statement would hold a snapshot that
-- a concurrent index build waits for.
SELECT pg_catalog.pg_try_advisory_lock(%(key)s::bigint)

-- name: unlock
-- Give the advisory lock back.
SELECT pg_catalog.pg_advisory_unlock(%(key)s::bigint)
