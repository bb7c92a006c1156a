"""How far the existing rows of each source have come into the queue, page by page."""

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
"""Above so many rows, Postgres's own estimate is near enough for a progress bar."""


class Backfills:
    """The backfills of one database; every method works on the caller's connection."""

    def __init__(self, database: Database) -> None:
        self._tables: dict[str, sql.Composable] = {
            table: Name(database.schema, table) for table in ("jobs", "backfills")
        }

    def unfinished(self, connection: Connection, collections: Sequence[int]) -> set[int]:
        """Return the ids of those collections whose existing rows are not all in the queue."""
        values = {"collections": list(collections)}
        rows = self._execute(connection, "unfinished", values).fetchall()
        return {row[0] for row in rows}

    def hold(self, connection: Connection, collection: int) -> tuple[Any] | None:
        """Lock a collection's backfill for one page, in the caller's transaction.

        Returns:
            The last key of the page before, None in its place at the start; or None where there
            is no more to do, or another worker has the lock.
        """
        row = self._execute(connection, "hold", {"collection": collection}).fetchone()
        return None if row is None else (row[0],)

    def begin(self, connection: Connection, collection: int, record: CollectionRecord) -> None:
        """Note that a backfill begins, and how many rows it has, in the caller's transaction.

        The rows of a large table are estimated, those that its collection leaves out included.
        """
        source = record.source
        assert source is not None  # only an attached collection has a backfill
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

    def bound_wait(self, connection: Connection, milliseconds: int) -> None:
        """Bound the wait for locks in the caller's transaction."""
        self._execute(connection, "lock_timeout", {"milliseconds": str(milliseconds)})

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
        """Enqueue a page of keys, and note its last one, in the caller's transaction.

        Raises:
            psycopg.errors.LockNotAvailable: an application's open transaction is about to change
                one of the rows.
        """
        self.bound_wait(connection, lock_timeout_ms)
        self._execute(connection, "enqueue", {"collection": collection, "keys": list(keys)})
        self.note(connection, collection, len(keys), last_key, finished=finished)

    def note(
        self,
        connection: Connection,
        collection: int,
        count: int,
        last_key: Any,  # noqa: ANN401  (JSON)
        *,
        finished: bool,
    ) -> None:
        """Note the last key of a page of so many rows, in the caller's transaction."""
        values = {
            "collection": collection,
            "last_key": None if last_key is None else Jsonb(last_key),
            "count": count,
            "finished": finished,
        }
        self._execute(connection, "advance", values)

    def _execute(
        self, connection: Connection, name: str, values: dict[str, Any]
    ) -> Cursor[TupleRow]:
        return connection.execute(query("backfills." + name, **self._tables), values)
