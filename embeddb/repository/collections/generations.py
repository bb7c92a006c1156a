"""From one generation of a collection to the next, while others go on writing.

Writers hold an advisory lock together, for the length of their transaction, and look which
generation is active. The switch takes the same lock alone: in its transaction it brings over what
was written last, and makes the new generation the active one.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from types import TracebackType
from typing import Any, TypeAlias

from psycopg import sql

from embeddb.db.boundary import translated
from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, query
from embeddb.db.rendering import Written, as_text
from embeddb.db.vectors import from_binary
from embeddb.errors import DatabaseError
from embeddb.records import Vector
from embeddb.repository.collections.writers import active_generation, writers_key
from embeddb.repository.indexes.ivfpq import Codes
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.names import Tables
from embeddb.schema.vector_expressions import Vectors

ROWS_AT_ONCE = 4_096
"""Chunks that are read, transformed and written together: 6 MB of vectors at 384 dimensions."""

ChunkKey: TypeAlias = tuple[str, int]
"""A chunk: the id of its document, and its number there."""

ChunkRow = tuple[str, int, str | None, int | None, int | None, bytes, str, dict[str, Any] | None]
"""id, chunk_no, content, start and stop (None in an empty span), content_hash, part, location."""


HOLD_SECONDS = 10.0
POLL_SECONDS = 0.05


class GenerationLock:
    """Shows others which generations are being worked on, for as long as its session lives.

    A generation that no session locks was left behind, by a process that was killed for one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> GenerationLock:
        self._connection = self._database.dedicated()
        with translated():
            self._connection.execute(query("generations.stay"), {})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def hold(self, tables: Tables) -> None:
        """Lock a generation that is about to be created.

        Raises:
            DatabaseError: somebody works on one of that number that was there before.
        """
        end = time.monotonic() + HOLD_SECONDS
        while not self.take(tables):
            if time.monotonic() > end:
                raise DatabaseError(
                    f"Another process is still at work on a generation {tables.chunks_name} that "
                    "was dropped: try again when it has ended."
                )
            time.sleep(POLL_SECONDS)

    def take(self, tables: Tables) -> bool:
        """Lock a generation; return False where another session has."""
        key = tables.schema + "." + tables.chunks_name
        with translated():
            row = self._connection.execute(query("generations.claim"), {"key": key}).fetchone()
        return bool(row and row[0])


def running_transactions(database: Database) -> set[str]:
    """Return the transactions that other sessions are in."""
    with database.connection() as connection:
        rows = connection.execute(query("generations.running"), {}).fetchall()
    return {row[0] for row in rows}


class Switchover:
    """The way from a generation to the one that is to take its place."""

    def __init__(
        self, database: Database, source: CollectionRecord, target: CollectionRecord
    ) -> None:
        self._database = database
        self._source = source
        self._target = target
        has_parts = source.generation.layout is not None
        self._part = sql.SQL("c.part" if has_parts else "''")
        self._same_part = sql.SQL("AND c.part = t.part" if has_parts else "")
        self._names: dict[str, sql.Composable] = {
            "source": source.tables.chunks,
            "target": target.tables.chunks,
            "collections": Name(database.schema, "collections"),
            "generations": Name(database.schema, "generations"),
        }

    def remove_stale(self, connection: Connection) -> int:
        """Remove chunks of the new generation that the old one has no longer, or otherwise."""
        statement = query("generations.remove_stale", **self._names, same_part=self._same_part)
        count = connection.execute(statement, {}).rowcount
        Codes(self._database, self._target).remove_dangling(connection)
        return count

    def missing(
        self, keys: Sequence[ChunkKey] | None = None
    ) -> Generator[tuple[list[ChunkRow], Vector], None, None]:
        """Yield what the new generation lacks: rows, and vectors as the old one stores them.

        Args:
            keys: of these chunks; None: of all.
        """
        block, values = ("missing", {}) if keys is None else ("missing_of", key_values(keys))
        with (
            self._database.dedicated() as connection,
            translated(),
            connection.transaction(),
            connection.cursor("embeddb_missing", binary=True) as cursor,
        ):
            cursor.execute(self._missing_sql(block), values)
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield self._split(rows)

    def missing_now(self, connection: Connection) -> Iterator[tuple[list[ChunkRow], Vector]]:
        """Yield what the new generation lacks, as this connection's transaction sees it."""
        rows = connection.execute(self._missing_sql("missing"), {}, binary=True).fetchall()
        for start in range(0, len(rows), ROWS_AT_ONCE):
            yield self._split(rows[start : start + ROWS_AT_ONCE])

    def stop_writers(self, connection: Connection) -> bool:
        """Stop the writers until the transaction ends; return whether the old one is active."""
        key = writers_key(self._database.schema, self._source.name)
        connection.execute(query("generations.stop_writers"), {"key": key})
        active = active_generation(connection, self._database.schema, self._source.name)
        return active == self._source.generation.number

    def switch(self, connection: Connection) -> None:
        """Make the new generation the active one, in the caller's transaction."""
        name = self._source.name
        for record, state in ((self._source, "retired"), (self._target, "active")):
            connection.execute(
                query("generations.set_state", **self._names),
                {"name": name, "number": record.generation.number, "state": state},
            )
        connection.execute(
            query("generations.set_active", **self._names),
            {"name": name, "number": self._target.generation.number},
        )

    def limit_waits(self, connection: Connection, milliseconds: int) -> None:
        """Wait no longer than this for any lock, until the caller's transaction ends."""
        limit = {"milliseconds": str(milliseconds)}
        connection.execute(query("generations.lock_timeout"), limit)

    def _missing_sql(self, block: str) -> sql.Composed:
        sent = Written(as_text(Vectors.of(self._source, self._database).sent("c"))[0])
        return query("generations." + block, **self._names, part=self._part, vector=sent)

    def _split(self, rows: list[tuple[Any, ...]]) -> tuple[list[ChunkRow], Vector]:
        generation = self._source.generation
        vectors = from_binary(
            [row[8] for row in rows], generation.storage.compared_as, generation.stored_dim
        )
        return [row[:8] for row in rows], vectors


def key_values(keys: Sequence[ChunkKey]) -> dict[str, Any]:
    """Return keys as a statement takes them."""
    return {"ids": [id for id, _ in keys], "numbers": [number for _, number in keys]}
