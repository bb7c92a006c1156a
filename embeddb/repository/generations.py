"""From one generation of a collection to the next, while others go on writing.

Writers hold an advisory lock together, for the length of their transaction, and look which
generation is active. The switch takes the same lock alone: in its transaction it brings over what
was written last, and makes the new generation the active one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg import sql

from embeddb.db.boundary import translated
from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, query
from embeddb.db.vectors import from_binary
from embeddb.records import Vector
from embeddb.repository.expressions import Vectors
from embeddb.repository.rendering import Written, as_text
from embeddb.schema.catalog import CollectionRecord

ROWS_AT_ONCE = 4_096
"""Chunks that are read, transformed and written together: 6 MB of vectors at 384 dimensions."""

ChunkRow = tuple[str, int, str | None, int | None, int | None, bytes]
"""id, chunk_no, content, start and stop (None in an empty span), content_hash."""


def join_writers(connection: Connection, schema: str, name: str) -> int | None:
    """Take part in writing to a collection, in this transaction; give its active generation."""
    connection.execute(query("generations.join_writers"), {"key": _key(schema, name)})
    return _active(connection, schema, name)


class Succession:
    """What leads from a generation to the one that is to take its place."""

    def __init__(
        self, database: Database, source: CollectionRecord, target: CollectionRecord
    ) -> None:
        self._database = database
        self._source = source
        self._target = target
        self._parts: dict[str, sql.Composable] = {
            "source": source.tables.chunks,
            "target": target.tables.chunks,
            "collections": Name(database.schema, "collections"),
            "generations": Name(database.schema, "generations"),
        }

    def remove_stale(self, connection: Connection) -> int:
        """Remove chunks of the new generation that the old one has no longer, or otherwise."""
        return connection.execute(query("generations.remove_stale", **self._parts), {}).rowcount

    def missing(self, limit: int | None = None) -> Iterator[tuple[list[ChunkRow], Vector]]:
        """Stream what the new generation lacks: rows, and vectors as the old one stores them."""
        with (
            self._database.dedicated() as connection,
            translated(),
            connection.transaction(),
            connection.cursor("embeddb_missing", binary=True) as cursor,
        ):
            cursor.execute(self._missing_sql(), {"limit": limit})
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield self._split(rows)

    def missing_now(self, connection: Connection) -> Iterator[tuple[list[ChunkRow], Vector]]:
        """Give what the new generation lacks, as this connection's transaction sees it."""
        rows = connection.execute(self._missing_sql(), {"limit": None}, binary=True).fetchall()
        for start in range(0, len(rows), ROWS_AT_ONCE):
            yield self._split(rows[start : start + ROWS_AT_ONCE])

    def stop_writers(self, connection: Connection) -> bool:
        """Wait for the writers and keep them waiting; say whether the old one is still active."""
        key = _key(self._database.schema, self._source.name)
        connection.execute(query("generations.stop_writers"), {"key": key})
        active = _active(connection, self._database.schema, self._source.name)
        return active == self._source.generation.number

    def switch(self, connection: Connection) -> None:
        """Make the new generation the active one, in the caller's transaction."""
        name = self._source.name
        for record, state in ((self._source, "retired"), (self._target, "active")):
            connection.execute(
                query("generations.set_state", **self._parts),
                {"name": name, "number": record.generation.number, "state": state},
            )
        connection.execute(
            query("generations.set_active", **self._parts),
            {"name": name, "number": self._target.generation.number},
        )

    def _missing_sql(self) -> sql.Composed:
        vectors = Vectors(
            self._source,
            schema=self._database.schema,
            vector_schema=self._database.vector_schema(),
        )
        sent = Written(as_text(vectors.sent("c"))[0])
        return query("generations.missing", **self._parts, vector=sent)

    def _split(self, rows: list[tuple[Any, ...]]) -> tuple[list[ChunkRow], Vector]:
        generation = self._source.generation
        vectors = from_binary(
            [row[6] for row in rows], generation.storage.compared_as, generation.stored_dim
        )
        return [row[:6] for row in rows], vectors


def _active(connection: Connection, schema: str, name: str) -> int | None:
    row = connection.execute(
        query("generations.active", collections=Name(schema, "collections")), {"name": name}
    ).fetchone()
    return None if row is None else row[0]


def _key(schema: str, name: str) -> str:
    return schema + "." + name + " writers"
