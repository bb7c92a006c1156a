-- name: database_exists
-- Return whether the embedded server has its database: CREATE DATABASE has no IF NOT EXISTS.
SELECT true FROM pg_catalog.pg_database WHERE datname = %(database)s

-- name: create_database
-- Create the database that connect() uses.
CREATE DATABASE {database}

-- name: create_extension
-- Install pgvector.
CREATE EXTENSION IF NOT EXISTS vector

-- name: update_extension
-- Bring the SQL side of pgvector to the library that a newer wheel brought.
ALTER EXTENSION vector UPDATE

-- name: settings
-- Read settings as the server uses them, as SHOW spells them.
SELECT s.name, pg_catalog.current_setting(s.name)
  FROM pg_catalog.pg_settings s
 WHERE s.name = ANY (%(names)s)
