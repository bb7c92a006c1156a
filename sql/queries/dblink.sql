-- name: owner
-- Who owns the function that asks workers, whether that is a superuser, and the server's port.
SELECT pg_catalog.pg_get_userbyid(p.proowner), r.rolsuper,
       pg_catalog.current_setting('port'), pg_catalog.current_database()
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
 WHERE n.nspname = %(schema)s AND p.proname = 'encode_by_worker'

-- name: has_dblink
-- Whether the extension is there.
SELECT EXISTS (SELECT FROM pg_catalog.pg_extension x WHERE x.extname = 'dblink')

-- name: has_role
-- Whether a role is there.
SELECT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = %(role)s)

-- name: create_role
-- The role that hands texts on; its password goes over as a hash.
CREATE ROLE {role} LOGIN PASSWORD {password}

-- name: alter_role
-- Give the role another password.
ALTER ROLE {role} LOGIN PASSWORD {password}

-- name: grant_schema
-- Let the role see the schema.
GRANT USAGE ON SCHEMA {schema} TO {role}

-- name: grant_requests
-- Let the role hand texts on, and nothing else. Row-level security shows them to who may UPDATE.
GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE {requests} TO {role}

-- name: drop_server
-- Forget how this server is reached, and the mappings with it.
DROP SERVER IF EXISTS {server} CASCADE

-- name: create_server
-- How this server reaches itself.
CREATE SERVER {server} FOREIGN DATA WRAPPER dblink_fdw
    OPTIONS (host {host}, port {port}, dbname {dbname})

-- name: create_mapping
-- As whom the owner of the function connects.
CREATE USER MAPPING FOR {owner} SERVER {server} OPTIONS (user {user}, password {password})
