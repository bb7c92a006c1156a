"""What a server allows its role, and how much memory it uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from embeddb.db.boundary import translated
from embeddb.db.database import Connection
from embeddb.db.queries import query
from embeddb.schema.privileges import CATALOG


@dataclass(frozen=True, kw_only=True, slots=True)
class SchemaPrivileges:
    """What the session's role may do with embeddb's schema.

    Attributes:
        may_create_schema: in this database.
        exists: whether the schema is there; the rest is about the schema itself.
        may_create: tables, in the schema.
        may_read: every table of the catalog that a search reads.
    """

    role: str
    may_create_schema: bool
    exists: bool
    may_use: bool
    may_create: bool
    may_read: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MemorySetting:
    """A memory setting of the server, as `SHOW` spells it and in bytes."""

    name: str
    value: str
    bytes: int


def schema_privileges(connection: Connection, schema: str) -> SchemaPrivileges:
    """Return what the session's role may do with a schema."""
    with translated():
        values = {"schema": schema, "catalog": list(CATALOG)}
        row = connection.execute(query("doctor.privileges"), values).fetchone()
    assert row is not None  # the query has no FROM that could be empty
    return SchemaPrivileges(
        role=row[0],
        may_create_schema=row[1],
        exists=row[2],
        may_use=row[3],
        may_create=row[4],
        may_read=row[5],
    )


def memory_settings(connection: Connection, names: Sequence[str]) -> list[MemorySetting]:
    """Return the settings of these names, by name."""
    with translated():
        rows = connection.execute(query("doctor.memory"), {"names": list(names)}).fetchall()
    return [MemorySetting(name=row[0], value=row[1], bytes=row[2]) for row in rows]
