"""What tests of roles share: roles, and what each was given as the catalogs have it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from psycopg import sql

from tests.support.postgres import PASSWORD, rows, session, with_role

HELD = """
    WITH objects AS (
        SELECT 'schema' AS kind, n.nspname::text AS name, n.nspacl AS acl FROM pg_namespace n
         UNION ALL
        SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END,
               c.relnamespace::regnamespace || '.' || c.relname, c.relacl FROM pg_class c
         UNION ALL
        SELECT 'column', c.relnamespace::regnamespace || '.' || c.relname || '.' || a.attname,
               a.attacl
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         UNION ALL
        SELECT 'function', p.pronamespace::regnamespace || '.' || p.proname, p.proacl
          FROM pg_proc p
         UNION ALL
        SELECT 'database', d.datname, d.datacl FROM pg_database d
         WHERE d.datname = current_database()
    )
    SELECT DISTINCT o.kind, o.name, x.privilege_type
      FROM objects o CROSS JOIN LATERAL aclexplode(o.acl) x
     WHERE x.grantee = (SELECT oid FROM pg_roles WHERE rolname = %s)
"""


def held(url: str, role: str) -> set[tuple[str, str, str]]:
    """Return all that a role was given by name in a database: kind, name, privilege."""
    return {(row[0], row[1], row[2]) for row in rows(url, HELD, [role])}


@contextmanager
def roles(url: str, *names: str) -> Iterator[dict[str, str]]:
    """Make roles with no right at all, and give each one's real name; PUBLIC makes no tables."""
    database = urlsplit(url).path[1:]
    made = {name: database + "_" + name for name in names}
    with session(url) as connection, ExitStack() as stack:
        revoke = sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC")
        connection.execute(revoke.format(sql.Identifier(database)))
        for name in made.values():
            create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            connection.execute(create.format(sql.Identifier(name), sql.Literal(PASSWORD)))
            stack.callback(_drop, url, name)
        yield made


def as_role(url: str, name: str) -> str:
    """Return the URL as a role that `roles` made."""
    return with_role(url, name)


def _drop(url: str, name: str) -> None:
    with session(url) as connection:
        role = sql.Identifier(name)
        connection.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(role))
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))
