"""What roles need outside of embeddb's schema: on the server, and on the tables of applications."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from embeddb.db.database import Connection
from embeddb.db.queries import Name, query
from embeddb.schema.attached import SourceTable
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.names import Tables
from embeddb.schema.privileges import Level, RoleProfile

POLICY = "embeddb_worker_"
MAX_IDENTIFIER_BYTES = 63


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingPrivilege:
    """A privilege that a role lacks outside of embeddb's schema.

    Attributes:
        statement: what grants it.
        reason: why it is needed, as a sentence.
        is_given: whether this session grants it without being asked to.
    """

    statement: sql.Composed
    reason: str
    is_given: bool = False

    @property
    def text(self) -> str:
        """The statement, as one types it."""
        return written(self.statement)


def written(statement: sql.Composable) -> str:
    """Return a statement that takes parameters as one types it, without its comment."""
    lines = statement.as_string(None).replace("%%", "%").splitlines()
    return "\n".join(line for line in lines if not line.startswith("-- "))


def server_needs(connection: Connection, role: str, *, temporary: bool) -> list[MissingPrivilege]:
    """Return what a role lacks to connect and to use pgvector."""
    row = connection.execute(query("privileges.server"), {"role": role}).fetchone()
    assert row is not None  # the role and pgvector are there
    name, connects, makes, uses, vectors, owns_database, owns_vectors = row
    database = {"database": Name(name), "role": Name(role)}
    found = []
    if not connects:
        reason = f"{role} may not connect to this database."
        found.append(
            MissingPrivilege(statement=query("privileges.connect", **database), reason=reason)
        )
    if temporary and not makes:
        found.append(
            MissingPrivilege(
                statement=query("privileges.temporary", **database),
                reason=f"{role} may make no temporary tables, which texts are written by.",
                is_given=owns_database,
            )
        )
    if not uses:
        found.append(
            MissingPrivilege(
                statement=query("privileges.use_schema", schema=Name(vectors), role=Name(role)),
                reason=f"{role} may not use schema {vectors}, which pgvector is in.",
                is_given=owns_vectors,
            )
        )
    return found


def source_needs(
    connection: Connection, role: str, profile: RoleProfile, records: Iterable[CollectionRecord]
) -> list[MissingPrivilege]:
    """Return what a role lacks on the tables that collections are attached to."""
    found: dict[str, MissingPrivilege] = {}
    for record in records:
        level = profile.level(record)
        if record.source is None or level == Level.NOTHING:
            continue
        for source in record.source.tables_read:
            for need in needs_of(connection, role, source, sees_all=level == Level.WRITE):
                found.setdefault(need.text, need)
    return list(found.values())


def needs_of(
    connection: Connection, role: str, source: SourceTable, *, sees_all: bool
) -> list[MissingPrivilege]:
    """Return what a role lacks to read a source, or all rows of it; nothing of one that is gone."""
    columns = _columns(source)
    values = {"role": role, "schema": source.schema, "table": source.table, "columns": columns}
    row = connection.execute(query("privileges.source"), values).fetchone()
    if row is None:
        return []
    uses, unread, hidden = row
    names = _names(role, source)
    found = []
    if not uses:
        use = query("privileges.use_schema", schema=Name(source.schema), role=Name(role))
        found.append(
            MissingPrivilege(statement=use, reason=f"{role} may not use schema {source.schema}.")
        )
    if unread:
        named = sql.SQL(", ").join(map(Name, unread))
        reason = f"{role} reads {source.table_text} as itself, and may not read these columns."
        read = query("privileges.read_source", columns=named, **names)
        found.append(MissingPrivilege(statement=read, reason=reason))
    if hidden and sees_all:
        reason = (
            f"Row-level security hides rows of {source.table_text} from {role}, and what is hidden "
            "would be taken for gone. BYPASSRLS or owning the table will do as well."
        )
        show = query("privileges.show_source", policy=_policy(role), **names)
        found.append(MissingPrivilege(statement=show, reason=reason))
    return found


def hides_chunks(connection: Connection, role: str, tables: Tables) -> bool:
    """Return whether a policy hides chunks from a role."""
    values = {"role": role, "schema": tables.schema, "table": tables.chunks_name, "columns": []}
    row = connection.execute(query("privileges.source"), values).fetchone()
    return row is not None and bool(row[2])


def takes_back(role: str, source: SourceTable) -> list[sql.Composed]:
    """Return the statements that revoke what a role was granted on a source with --with-source."""
    names = _names(role, source)
    columns = sql.SQL(", ").join(map(Name, _columns(source)))
    return [
        query("privileges.unread_source", columns=columns, **names),
        query("privileges.hide_source", policy=_policy(role), source=names["source"]),
    ]


def policy_name(role: str) -> str:
    """Return the name of the policy by which a worker sees all rows of a table."""
    return (POLICY + role).encode()[:MAX_IDENTIFIER_BYTES].decode(errors="ignore")


def _policy(role: str) -> sql.Composable:
    return Name(policy_name(role))


def _names(role: str, source: SourceTable) -> dict[str, sql.Composable]:
    return {"source": Name(source.schema, source.table), "role": Name(role)}


def _columns(source: SourceTable) -> list[str]:
    return list(dict.fromkeys([*(key.name for key in source.keys), *source.columns]))
