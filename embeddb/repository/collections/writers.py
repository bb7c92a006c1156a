"""Who writes to a collection takes part, so that a switch of generations can wait for them."""

from __future__ import annotations

from embeddb.db.database import Connection
from embeddb.db.queries import Name, query


def join_writers(connection: Connection, schema: str, name: str) -> int | None:
    """Take part in writing to a collection in this transaction; return its active generation."""
    connection.execute(query("generations.join_writers"), {"key": writers_key(schema, name)})
    return active_generation(connection, schema, name)


def active_generation(connection: Connection, schema: str, name: str) -> int | None:
    """Return the number of the collection's active generation, None where there is no such one."""
    row = connection.execute(
        query("generations.active", collections=Name(schema, "collections")), {"name": name}
    ).fetchone()
    return None if row is None else row[0]


def writers_key(schema: str, name: str) -> str:
    """Return what the advisory lock of a collection's writers is taken on."""
    return schema + "." + name + " writers"
