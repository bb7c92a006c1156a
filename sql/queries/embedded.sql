-- name: database_exists
-- Whether the embedded server has its database already: CREATE DATABASE knows no IF NOT EXISTS.
SELECT true FROM pg_catalog.pg_database WHERE datname = %(database)s

-- name: create_database
-- The database that connect() uses.
CREATE DATABASE {database}

-- name: create_extension
-- pgvector, once.
CREATE EXTENSION IF NOT EXISTS vector

-- name: update_extension
-- The SQL side of pgvector follows the library that a newer wheel brought.
ALTER EXTENSION vector UPDATE

-- name: settings
-- What the server really uses, as SHOW spells it.
SELECT s.name, pg_catalog.current_setting(s.name)
  FROM pg_catalog.pg_settings s
 WHERE s.name = ANY (%(names)s)
