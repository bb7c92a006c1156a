"""A generation's chunks drawn at random, their vectors as a stream, and what it takes on disk."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from psycopg import sql

from embeddb.db.boundary import translated
from embeddb.db.database import Database
from embeddb.db.queries import query
from embeddb.db.rendering import Written, as_text
from embeddb.db.vectors import from_binary
from embeddb.records import Vector
from embeddb.repository.collections.generations import ROWS_AT_ONCE, ChunkKey, key_values
from embeddb.repository.indexes.ivfpq_tables import names_of
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.vector_expressions import Vectors


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """What a generation takes on disk.

    Attributes:
        rows: its chunks.
        table_bytes: of its table, with the texts of the chunks.
        index_bytes: of its indexes, the primary key among them.
    """

    rows: int
    table_bytes: int
    index_bytes: int


class Samples:
    """The chunks of one generation."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        self._database = database
        self._record = record

    def keys(self, limit: int) -> list[ChunkKey]:
        """Return so many chunks drawn at random, in no order; all of them where there are fewer."""
        statement = query("generations.sample_keys", source=self._record.tables.chunks)
        with self._database.connection() as connection:
            rows = connection.execute(statement, {"limit": limit}).fetchall()
        return [(row[0], row[1]) for row in rows]

    def vectors(
        self, keys: Sequence[ChunkKey] | None
    ) -> Generator[tuple[list[ChunkKey], Vector], None, None]:
        """Yield stored vectors, shape (n, dim), and the chunk that each belongs to.

        Args:
            keys: the chunks; None: all of them.
        """
        generation = self._record.generation
        with (
            self._database.dedicated() as connection,
            translated(),
            connection.transaction(),
            connection.cursor("embeddb_vectors", binary=True) as cursor,
        ):
            values = {} if keys is None else key_values(keys)
            cursor.execute(self._vectors_sql("vectors" if keys is None else "vectors_of"), values)
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                found = [row[2] for row in rows]
                kind = generation.storage.compared_as
                vectors = from_binary(found, kind, generation.stored_dim)
                yield [(row[0], row[1]) for row in rows], vectors

    def size(self) -> Size:
        """Return what the generation takes on disk."""
        names = self._record.tables
        with self._database.connection() as connection:
            row = connection.execute(
                query("generations.sizes", chunks=names.chunks),
                {
                    "chunks": sql.Identifier(names.schema, names.chunks_name).as_string(),
                    "codes": [
                        sql.Identifier(names.schema, name).as_string()
                        for name in names_of(names).values()
                    ],
                },
            ).fetchone()
        assert row is not None
        return Size(rows=row[0], table_bytes=row[1], index_bytes=row[2])

    def _vectors_sql(self, block: str) -> sql.Composed:
        sent = Written(as_text(Vectors.of(self._record, self._database).sent("c"))[0])
        source = self._record.tables.chunks
        return query("generations." + block, source=source, vector=sent)
