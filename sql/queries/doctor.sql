-- name: privileges
-- What the role may do: create a schema; and of embeddb's schema, whether it exists, may be used
-- and created in, and whether its catalog may be read.
SELECT
    current_user::text,
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
    n.oid IS NOT NULL,
    coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false),
    coalesce(pg_catalog.has_schema_privilege(n.oid, 'CREATE'), false),
    coalesce(
        (SELECT pg_catalog.bool_and(pg_catalog.has_table_privilege(c.oid, 'SELECT'))
           FROM pg_catalog.pg_class c
          WHERE c.relnamespace = n.oid AND c.relname = ANY (%(catalog)s::text[])),
        true)
  FROM (SELECT %(schema)s::text AS name) own
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = own.name

-- name: memory
-- Memory settings, as SHOW spells them and in bytes.
SELECT s.name, pg_catalog.current_setting(s.name),
       pg_catalog.pg_size_bytes(pg_catalog.current_setting(s.name))
  FROM pg_catalog.pg_settings s
 WHERE s.name = ANY (%(names)s)
 ORDER BY s.name
