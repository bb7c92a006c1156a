"""Existing rows of a source on their way into the queue, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor, sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, query
from embeddb.schema.catalog import CollectionRecord

EXACT_ROWS = 100_000
"""Above so many rows, Postgres's own estimate of them is near enough for a progress bar."""


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

    def begin(self, connection: Connection, collection: int, record: CollectionRecord) -> None:
        """Note that a backfill begins, and how many rows there are, in the caller's transaction.

        A large table's are estimated as Postgres does, those that take no part among them.
        """
        source = record.source
        assert source is not None  # a collection of embeddb's own has no backfill
        values = {
            "collection": collection,
            "table": sql.Identifier(source.schema, source.table).as_string(),
            "exact_rows": EXACT_ROWS,
        }
        row = self._execute(connection, "estimate", values).fetchone()
        total = None if row is None or row[0] is None else int(row[0])
        if total is None:
            count = query("backfills.count", table=Name(source.schema, source.table))
            counted = connection.execute(count, {}).fetchone()
            total = None if counted is None else counted[0]
        self._execute(connection, "begin", {"collection": collection, "total": total})

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
