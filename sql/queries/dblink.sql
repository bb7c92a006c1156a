-- name: owner
-- Who owns the function that asks workers, whether that is a superuser, the server's port, and the
-- name of the database.
SELECT pg_catalog.pg_get_userbyid(p.proowner), r.rolsuper,
       pg_catalog.current_setting('port'), pg_catalog.current_database()
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_roles r ON r.oid = p.proowner
 WHERE n.nspname = %(schema)s AND p.proname = 'encode_by_worker'

-- name: has_dblink
-- Whether the extension dblink is installed in this database.
SELECT EXISTS (SELECT FROM pg_catalog.pg_extension x WHERE x.extname = 'dblink')

-- name: has_role
-- Whether there is a role of this name.
SELECT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = %(role)s)

-- name: create_role
-- Create the role that hands texts on. Its password is sent as a hash, so that no log shows it.
CREATE ROLE {role} LOGIN PASSWORD {password}

-- name: alter_role
-- Change the role's password, sent as a hash.
ALTER ROLE {role} LOGIN PASSWORD {password}

-- name: grant_schema
-- Let the role use the schema.
GRANT USAGE ON SCHEMA {schema} TO {role}

-- name: grant_requests
-- Let the role hand texts on, and nothing else. UPDATE is granted because row-level security shows
-- requests only to whoever may update them.
GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE {requests} TO {role}

-- name: drop_server
-- Remove what is noted of how this server reaches itself, and the mappings with it.
DROP SERVER IF EXISTS {server} CASCADE

-- name: create_server
-- Note how this server reaches itself.
CREATE SERVER {server} FOREIGN DATA WRAPPER dblink_fdw
    OPTIONS (host {host}, port {port}, dbname {dbname})

-- name: create_mapping
-- Note as whom the owner of the function connects.
CREATE USER MAPPING FOR {owner} SERVER {server} OPTIONS (user {user}, password {password})
