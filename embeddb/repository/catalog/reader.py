"""Collections as the catalog has them."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from embeddb.db.database import Connection, TransactionSource
from embeddb.db.queries import Name, query
from embeddb.errors import CollectionNotFoundError, did_you_mean
from embeddb.repository.catalog.rows import collection_record
from embeddb.schema.catalog import CollectionRecord

LISTED = 10
"""An error names so many collections, and the one that was meant."""


class CatalogReader:
    """Reads the catalog of one database."""

    def __init__(self, database: TransactionSource) -> None:
        self._database = database
        self._schema = database.schema
        self._catalog: dict[str, sql.Composable] = {
            table: Name(self._schema, table)
            for table in (
                "models",
                "collections",
                "generations",
                "transforms",
                "recall_history",
                "jobs",
            )
        }

    def all(self) -> list[CollectionRecord]:
        """Return every collection, by name."""
        return self._read(None)

    def get(self, name: str) -> CollectionRecord:
        """Return a collection.

        Raises:
            CollectionNotFoundError: there is none of that name; the message lists those there.
        """
        found = self._read(name)
        if found:
            return found[0]
        raise CollectionNotFoundError(missing(name, [record.name for record in self.all()]))

    def generations(self, name: str) -> list[CollectionRecord]:
        """Return every generation of a collection, the active one first.

        Raises:
            CollectionNotFoundError: there is none of that name.
        """
        active = self.get(name)
        with self._database.connection() as connection:
            found = self.generations_on(connection, name)
        return sorted(found, key=lambda record: record != active)

    def generations_on(self, connection: Connection, name: str) -> list[CollectionRecord]:
        """Return every generation of a collection, as the caller's transaction sees them."""
        return self._read_on(connection, name, active_only=False)

    def generations_of_all(self, connection: Connection) -> list[CollectionRecord]:
        """Return every generation of every collection, as the caller's transaction sees them."""
        return self._read_on(connection, None, active_only=False)

    def _read(self, name: str | None) -> list[CollectionRecord]:
        with self._database.connection() as connection:
            return self._read_on(connection, name)

    def _read_on(
        self, connection: Connection, name: str | None, *, active_only: bool = True
    ) -> list[CollectionRecord]:
        rows = connection.execute(
            query("collections.list", **self._catalog), {"name": name, "active": active_only}
        ).fetchall()
        return [collection_record(self._schema, row) for row in rows]


def missing(name: str, known: Sequence[str]) -> str:
    """Return that there is no collection of a name, and which there are."""
    if not known:
        return f"There is no collection {name!r}; none was created yet."
    listed = ", ".join(map(repr, known[:LISTED])) + (", …" if len(known) > LISTED else "")
    return f"There is no collection {name!r}; there are: {listed}.{did_you_mean(name, known)}"


def read_names(url: str, schema: str, *, seconds: int) -> list[str]:
    """Return the names of all collections, over a connection of its own; psycopg's errors come raw.

    Args:
        url: the server.
        schema: where embeddb's tables are.
        seconds: how long to wait for the connection, and for the answer.
    """
    limit = {"name": "statement_timeout", "value": f"{seconds}s", "local": True}
    with psycopg.connect(url, connect_timeout=seconds) as connection:
        connection.execute(query("settings.set"), limit)
        names = query("collections.names", collections=Name(schema, "collections"))
        return sorted(row[0] for row in connection.execute(names, {}).fetchall())
