-- name: role
-- Look a role up: its OID, whether it is a superuser, whether it bypasses policies.
SELECT r.oid::bigint, r.rolsuper, r.rolbypassrls OR r.rolsuper
  FROM pg_catalog.pg_roles r
 WHERE r.rolname = %(role)s

-- name: current
-- Return the role of this session.
SELECT CURRENT_USER::text

-- name: held
-- Return the schema and what is in it, partitions apart: whether this session may grant it, and
-- which privileges on it a role was granted by name. Functions have the types of their arguments.
WITH objects AS (
    SELECT 'SCHEMA' AS kind, n.nspname::text AS name, NULL::text AS signature, n.nspowner AS owner,
           n.nspacl AS acl
      FROM pg_catalog.pg_namespace n
     WHERE n.nspname = %(schema)s
     UNION ALL
    SELECT 'TABLE', c.relname, NULL, c.relowner, c.relacl
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
       AND (%(names)s::text[] IS NULL OR c.relname = ANY (%(names)s::text[]))
     UNION ALL
    SELECT 'ROUTINE', p.proname,
           pg_catalog.format('%%I.%%I(%%s)', n.nspname, p.proname,
               (SELECT pg_catalog.string_agg(pg_catalog.format('%%I.%%I', m.nspname, t.typname),
                                             ', ' ORDER BY a.place)
                  FROM pg_catalog.unnest(p.proargtypes::oid[]) WITH ORDINALITY a (type, place)
                  JOIN pg_catalog.pg_type t ON t.oid = a.type
                  JOIN pg_catalog.pg_namespace m ON m.oid = t.typnamespace)),
           p.proowner, p.proacl
      FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname = %(schema)s AND p.prorettype <> 'trigger'::regtype
       AND (%(names)s::text[] IS NULL OR p.proname = ANY (%(names)s::text[]))
)
SELECT o.kind, o.name, o.signature, pg_catalog.pg_get_userbyid(o.owner)::text,
       pg_catalog.pg_has_role(o.owner, 'USAGE'),
       ARRAY(SELECT x.privilege_type
               FROM pg_catalog.aclexplode(o.acl) x
               JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
              WHERE r.rolname = %(role)s)
  FROM objects o
 ORDER BY o.kind = 'SCHEMA' DESC, o.kind DESC, o.name, o.signature

-- name: grantees
-- Return the roles that were granted something on these tables, their owners apart.
SELECT DISTINCT r.rolname::text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) x
  JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
 WHERE n.nspname = %(schema)s AND c.relname = ANY (%(names)s::text[])
   AND x.grantee <> c.relowner
 ORDER BY 1

-- name: policies
-- Return the tables whose rows are hidden by policies, and the policy by which a role sees them
-- all.
SELECT c.relname::text, pg_catalog.max(p.polname)::text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_policy p
    ON p.polrelid = c.oid AND p.polname LIKE 'embeddb\_worker\_%%'
   AND p.polroles = ARRAY[(SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = %(role)s)]
 WHERE n.nspname = %(schema)s AND c.relname = ANY (%(names)s::text[]) AND c.relrowsecurity
 GROUP BY c.relname
 ORDER BY c.relname

-- name: grant
-- Grant privileges.
GRANT {privileges} ON {objects} TO {role}

-- name: revoke
-- Revoke privileges.
REVOKE {privileges} ON {objects} FROM {role}

-- name: create_policy
-- Show all chunks to a role that encodes, those of rows that are gone among them.
CREATE POLICY {policy} ON {chunks} TO {role} USING (true)

-- name: drop_policy
-- Show a role that no longer encodes what everybody sees.
DROP POLICY {policy} ON {chunks}

-- name: server
-- Return what a role may do outside of the schema: connect, create temporary tables, use the schema
-- that pgvector is in; and whether this session may grant it these.
SELECT pg_catalog.current_database()::text,
       pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CONNECT'),
       pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'TEMPORARY'),
       pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE'),
       n.nspname::text,
       (SELECT pg_catalog.pg_has_role(d.datdba, 'USAGE')
          FROM pg_catalog.pg_database d
         WHERE d.datname = pg_catalog.current_database()),
       pg_catalog.pg_has_role(n.nspowner, 'USAGE')
  FROM pg_catalog.pg_roles r
 CROSS JOIN pg_catalog.pg_extension x
  JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace
 WHERE r.rolname = %(role)s AND x.extname = 'vector'

-- name: source
-- Return what a role lacks on a source: the use of its schema, the columns that it may not read,
-- and whether a policy hides rows from it: one applies, and none shows all of them.
SELECT pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE'),
       ARRAY(SELECT w.name
               FROM pg_catalog.unnest(%(columns)s::text[]) WITH ORDINALITY w (name, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = w.name
                                             AND a.attnum > 0 AND NOT a.attisdropped
              WHERE NOT pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT')
              ORDER BY w.place),
       c.relrowsecurity AND NOT r.rolsuper AND NOT r.rolbypassrls
           AND (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE'))
           AND (p.shown IS NOT TRUE OR p.narrowed IS TRUE)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_roles r ON r.rolname = %(role)s
 CROSS JOIN LATERAL (
    SELECT pg_catalog.bool_or(q.polpermissive AND q.is_true) AS shown,
           pg_catalog.bool_or(NOT q.polpermissive AND NOT q.is_true) AS narrowed
      FROM (SELECT o.polpermissive,
                   pg_catalog.pg_get_expr(o.polqual, o.polrelid) = 'true' AS is_true
              FROM pg_catalog.pg_policy o
             WHERE o.polrelid = c.oid AND o.polcmd IN ('r', '*')
               AND EXISTS (SELECT
                             FROM pg_catalog.unnest(o.polroles) u (role)
                            WHERE u.role = 0 OR pg_catalog.pg_has_role(r.oid, u.role, 'USAGE'))
           ) q) p
 WHERE n.nspname = %(schema)s AND c.relname = %(table)s

-- name: lacking
-- Return which of these privileges on tables this session's role lacks, by itself and through other
-- roles. Nobody lacks any on what is not there: an old server has no view of the chunks.
SELECT w.name, w.privilege
  FROM ROWS FROM (pg_catalog.unnest(%(names)s::text[]),
                  pg_catalog.unnest(%(privileges)s::text[])) w (name, privilege)
 WHERE NOT coalesce(pg_catalog.has_table_privilege(
               pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', %(schema)s::text, w.name)),
               w.privilege), true)
 ORDER BY 1, 2

-- name: owns
-- Return whether this session's role may do with a table what its owner may.
SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE')
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(schema)s AND c.relname = %(table)s

-- name: stages
-- Return whether this session's role may write to a table: by COPY where no policy concerns it, or
-- else through a temporary table.
SELECT NOT pg_catalog.row_security_active(pg_catalog.to_regclass(%(chunks)s)::oid)
       OR pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')

-- name: owner
-- Return who owns the schema, whether that is a superuser, and whether a role is the owner or a
-- member of it.
SELECT o.rolname::text, o.rolsuper, o.rolname = %(role)s,
       EXISTS (SELECT
                 FROM pg_catalog.pg_auth_members m
                 JOIN pg_catalog.pg_roles r ON r.oid = m.member
                WHERE m.roleid = o.oid AND r.rolname = %(role)s)
  FROM pg_catalog.pg_namespace n
  JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
 WHERE n.nspname = %(schema)s

-- name: owned
-- Return what is in the schema and not owned by a role, as ALTER OWNER takes it. What belongs to
-- a table goes with it.
SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
       pg_catalog.format('%%I.%%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
 WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p', 'v') AND o.rolname <> %(role)s
 UNION ALL
SELECT 'ROUTINE',
       pg_catalog.format('%%I.%%I(%%s)', n.nspname, p.proname,
           (SELECT pg_catalog.string_agg(pg_catalog.format('%%I.%%I', m.nspname, t.typname),
                                         ', ' ORDER BY a.place)
              FROM pg_catalog.unnest(p.proargtypes::oid[]) WITH ORDINALITY a (type, place)
              JOIN pg_catalog.pg_type t ON t.oid = a.type
              JOIN pg_catalog.pg_namespace m ON m.oid = t.typnamespace))
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_catalog.pg_roles o ON o.oid = p.proowner
 WHERE n.nspname = %(schema)s AND o.rolname <> %(role)s
 ORDER BY 1, 2

-- name: take_over
-- Make a role the owner of something.
ALTER {kind} {object} OWNER TO {role}

-- name: become_owner
-- Make a role a member of the owner.
GRANT {owner} TO {role}

-- name: leave_owner
-- End a role's membership of the owner.
REVOKE {owner} FROM {role}

-- name: use_schema
-- Let a role use a schema.
GRANT USAGE ON SCHEMA {schema} TO {role}

-- name: connect
-- Let a role connect.
GRANT CONNECT ON DATABASE {database} TO {role}

-- name: temporary
-- Let a role create temporary tables.
GRANT TEMPORARY ON DATABASE {database} TO {role}

-- name: read_source
-- Let a role read what the view reads.
GRANT SELECT ({columns}) ON {source} TO {role}

-- name: unread_source
-- Let a role no longer read what the view reads.
REVOKE SELECT ({columns}) ON {source} FROM {role}

-- name: show_source
-- Show a role all rows.
CREATE POLICY {policy} ON {source} FOR SELECT TO {role} USING (true)

-- name: hide_source
-- Show a role what others see.
DROP POLICY IF EXISTS {policy} ON {source}
