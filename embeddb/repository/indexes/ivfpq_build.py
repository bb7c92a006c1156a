"""The statements of one IVF-PQ build: read the chunks, write their codes, put them in place.

All but the sample happens in the caller's transaction, in the order of the methods here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import psycopg
from psycopg import sql

from embeddb.db import copy
from embeddb.db.database import Connection, Database
from embeddb.db.queries import query
from embeddb.db.rendering import Written, as_text
from embeddb.db.vectors import from_binary
from embeddb.quantizers import IVFPQCodebook
from embeddb.records import Vector
from embeddb.repository.indexes.ivfpq import CODE_COLUMNS, code_fields
from embeddb.repository.indexes.ivfpq_tables import CodeTables, identifiers_of
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.vector_expressions import Vectors

ROWS_AT_ONCE = 8_192
"""Chunks that are encoded together: 12 MB of vectors at 384 dimensions."""

STAGED_COLUMNS = ("list", "chunk_no", "correction", "code", "place", "id")


class ChunkPage(NamedTuple):
    """Some chunks as the build reads them.

    Attributes:
        ids: of their documents.
        numbers: of the chunks in these.
        places: their ctids, as Postgres sends them.
        vectors: as they are compared, shape (n, dim).
    """

    ids: list[str]
    numbers: list[int]
    places: list[bytes]
    vectors: Vector


class CodesBuild:
    """One build of a generation's IVF-PQ index, on one connection."""

    def __init__(
        self, database: Database, record: CollectionRecord, connection: Connection
    ) -> None:
        self._connection = connection
        self._generation = record.generation
        self._tables = CodeTables(database, record)
        vectors = Vectors.of(record, database)
        self._names: dict[str, sql.Composable] = {
            "chunks": record.tables.chunks,
            "vector": Written(as_text(vectors.sent_as_compared("c"))[0]),
            "codes": identifiers_of(record.tables, new=True)["codes"],
        }

    def sample(self, percent: float) -> Vector:
        """Return about so many percent of the vectors, as they are compared, shape (n, dim)."""
        found = [self._vectors([])]
        with (
            self._connection.transaction(),
            self._connection.cursor("embeddb_sample", binary=True) as cursor,
        ):
            cursor.execute(query("ivfpq.sample", **self._names), {"percent": percent})
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                found.append(self._vectors([row[0] for row in rows]))
        return np.concatenate(found)

    def begin(self, codebook: IVFPQCodebook) -> None:
        """Create the new tables with their codebook, and a temporary one for the codes."""
        self._tables.create(self._connection, new=True)
        self._tables.add_codebook(self._connection, codebook)
        self._connection.execute(query("ivfpq.stage"), {})

    @contextmanager
    def chunks(self) -> Iterator[Iterator[ChunkPage]]:
        """Lend an iterator over every chunk, a page at a time.

        The cursor stays open as long as the block: its snapshot keeps the places of what it read
        from being used again, and `remove_outdated` compares places.
        """
        with self._connection.cursor("embeddb_chunks", binary=True) as cursor:
            cursor.execute(query("ivfpq.chunks", **self._names), {})
            yield self._pages(cursor)

    def stage(self, page: ChunkPage, codebook: IVFPQCodebook) -> None:
        """Encode chunks, and keep their codes until all are there."""
        fixed = code_fields(codebook, page.vectors, page.numbers)
        others = zip(map(copy.binary, page.places), map(copy.text, page.ids), strict=True)
        copy.copy_rows(
            self._connection,
            sql.Identifier("pg_temp", "staged_codes"),
            STAGED_COLUMNS,
            ((head, *tail) for head, tail in zip(fixed, others, strict=True)),
        )

    def load(self) -> None:
        """Put the codes in the order of their lists, and index them."""
        self._connection.execute(query("ivfpq.analyze_staged"), {})
        self._connection.execute(query("ivfpq.load", **self._names), {})
        self._tables.index_new(self._connection)

    def stop_writers(self) -> None:
        """Keep everybody from writing chunks until the transaction ends; searches go on."""
        self._connection.execute(query("ivfpq.stop_writers", **self._names), {})

    def remove_outdated(self) -> None:
        """Remove the codes of chunks that were removed or replaced since they were read."""
        self._connection.execute(query("ivfpq.unload", **self._names), {})

    def add_missing(self, codebook: IVFPQCodebook) -> None:
        """Encode the chunks that were written since the others were read."""
        with self._connection.cursor("embeddb_added", binary=True) as cursor:
            cursor.execute(query("ivfpq.added", **self._names), {})
            for page in self._pages(cursor):
                fixed = code_fields(codebook, page.vectors, page.numbers)
                named = zip(fixed, map(copy.text, page.ids), strict=True)
                copy.copy_rows(self._connection, self._names["codes"], CODE_COLUMNS, named)

    def switch(self) -> None:
        """Put the new tables in place of those that are there."""
        self._tables.switch(self._connection)

    def _pages(self, cursor: psycopg.ServerCursor[tuple[Any, ...]]) -> Iterator[ChunkPage]:
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            ids, numbers, places, vectors = map(list, zip(*rows, strict=True))
            yield ChunkPage(ids, numbers, places, self._vectors(vectors))

    def _vectors(self, values: Sequence[bytes]) -> Vector:
        kind = self._generation.storage.compared_as
        return from_binary(list(values), kind, self._generation.stored_dim)
