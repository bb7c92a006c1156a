-- name: describe
-- Describe the server: its version, pgvector's version and schema, the version that could be
-- installed, and whether embeddb's version table exists.
SELECT
    pg_catalog.current_setting('server_version_num')::int,
    (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'vector'),
    (SELECT n.nspname
       FROM pg_catalog.pg_extension e
       JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = 'vector'),
    (SELECT a.default_version FROM pg_catalog.pg_available_extensions a WHERE a.name = 'vector'),
    EXISTS (SELECT
              FROM pg_catalog.pg_class c
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = %(schema)s AND c.relname = 'alembic_version')

-- name: schemas
-- Return the schemas that hold embeddb's tables.
SELECT n.nspname
  FROM pg_catalog.pg_namespace n
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
 WHERE c.relname IN ('alembic_version', 'collections', 'generations') AND c.relkind = 'r'
 GROUP BY n.nspname
HAVING pg_catalog.count(*) = 3
 ORDER BY 1

-- name: databases
-- Return the databases that one can connect to.
SELECT d.datname
  FROM pg_catalog.pg_database d
 WHERE d.datallowconn AND NOT d.datistemplate
 ORDER BY 1

-- name: migration
-- Return the revision that the schema is at.
SELECT version_num FROM {schema}.alembic_version

-- name: vector_schema
-- Return the schema that pgvector is in.
SELECT n.nspname
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'vector'

-- name: settings
-- Read the settings that matter for vectors, as the server has them.
SELECT name, pg_catalog.current_setting(name)
  FROM pg_catalog.pg_settings
 WHERE name = ANY (%(names)s)
