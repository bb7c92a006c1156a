"""Existing rows of a source on their way into the queue, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor, sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, query


class Backfills:
    """Which collections have rows that are not in the queue yet, and how far each is."""

    def __init__(self, database: Database) -> None:
        self._tables: dict[str, sql.Composable] = {
            table: Name(database.schema, table) for table in ("jobs", "backfills")
        }

    def unfinished(self, connection: Connection, collections: Sequence[int]) -> set[int]:
        """Give those of the collections that have a backfill to go on with."""
        values = {"collections": list(collections)}
        rows = self._execute(connection, "unfinished", values).fetchall()
        return {row[0] for row in rows}

    def hold(self, connection: Connection, collection: int) -> tuple[Any] | None:
        """Take the next page in the caller's transaction, and give the key before it.

        Returns:
            None where there is no more to do, or another worker is at it.
        """
        row = self._execute(connection, "hold", {"collection": collection}).fetchone()
        return None if row is None else (row[0],)

    def advance(
        self,
        connection: Connection,
        collection: int,
        keys: Sequence[str],
        last_key: Any,  # noqa: ANN401  (JSON)
        *,
        finished: bool,
        lock_timeout_ms: int,
    ) -> None:
        """Enqueue a page, and remember its last key, in the caller's transaction.

        Raises:
            psycopg.errors.LockNotAvailable: an application's open transaction has one of the rows.
        """
        self._execute(connection, "patience", {"milliseconds": str(lock_timeout_ms)})
        self._execute(connection, "enqueue", {"collection": collection, "keys": list(keys)})
        values = {
            "collection": collection,
            "last_key": None if last_key is None else Jsonb(last_key),
            "count": len(keys),
            "finished": finished,
        }
        self._execute(connection, "advance", values)

    def _execute(
        self, connection: Connection, name: str, values: dict[str, Any]
    ) -> Cursor[TupleRow]:
        return connection.execute(query("backfills." + name, **self._tables), values)
