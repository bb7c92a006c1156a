"""Building an IVF-PQ index: learn a codebook from a sample, then encode every chunk.

Everything is written in one transaction, into tables that take the place of the old ones at its
end: until then searches go on as before, and a build that fails or is cancelled leaves nothing.
Others write meanwhile. What they changed is made up for at the end, while they wait: that reads the
chunks' keys twice, about a second for a million.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from embeddb.db import copy
from embeddb.db.boundary import translate
from embeddb.db.database import Connection, Database
from embeddb.db.queries import query
from embeddb.db.rendering import Written, as_text
from embeddb.db.vectors import from_binary
from embeddb.errors import IndexBuildError, IndexSpecError, PermissionDeniedError
from embeddb.progress import Display
from embeddb.quantizers import IVFPQCodebook, default_lists, default_subvectors, train
from embeddb.quantizers.ivfpq import CODES
from embeddb.quantizers.sizing import MIN_ROWS_PER_LIST
from embeddb.records import Vector
from embeddb.repository.collections.collections import Collections
from embeddb.repository.indexes.build import give_resources, prepare_session
from embeddb.repository.indexes.ivfpq import CODE_COLUMNS, CodeTables, code_fields, parts_of
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.index_rules import indexed
from embeddb.schema.indexes import IVFPQ
from embeddb.schema.vector_expressions import Vectors

SAMPLE_ROWS = 50_000
"""Vectors to learn from: 256 for each of the lists that 40,000 rows get, and more codewords than
that need; 77 MB at 384 dimensions."""

SAMPLE_MARGIN = 1.05
"""A random sample may come out smaller than it is asked for."""

ROWS_AT_ONCE = 8_192
"""Chunks that are encoded together: 12 MB of vectors at 384 dimensions."""

CodeRow = tuple[str, int, bytes, bytes]
"""id, chunk_no, place, vector."""


def has_rows(index: IVFPQ, rows: int) -> bool:
    """Say whether there are enough rows to learn an index from."""
    lists = index.lists or default_lists(rows)
    return rows >= max(CODES, lists * MIN_ROWS_PER_LIST if lists > 1 else 0)


def build_codes(
    database: Database, record: CollectionRecord, index: IVFPQ, rows: int, display: Display
) -> CollectionRecord:
    """Build the index, put it in place of the one that is there, and give the record anew.

    Raises:
        IndexSpecError: there are too few rows to learn from.
        PermissionDeniedError: the role may not change the collection's tables.
        IndexBuildError: anything else that Postgres refuses; the collection is as it was.
    """
    resolved = _resolved(index, record, rows)
    if not has_rows(resolved, rows):
        raise IndexSpecError(_too_few(record, resolved, rows))
    build = _Build(database, record, resolved, rows, display)
    try:
        return build.run()
    except psycopg.Error as error:
        cause = translate(error)
        if isinstance(cause, PermissionDeniedError):
            raise cause from error
        name = record.tables.vector_index(index.method)
        raise IndexBuildError(
            f"The index {name} could not be built: {str(cause).splitlines()[0]}. Nothing of it is "
            "left; run `embeddb index build` again."
        ) from error


class _Build:
    def __init__(
        self,
        database: Database,
        record: CollectionRecord,
        index: IVFPQ,
        rows: int,
        display: Display,
    ) -> None:
        self._database = database
        self._record = record
        self._index = index
        self._rows = rows
        self._display = display
        self._tables = CodeTables(database, record)
        vectors = Vectors(
            record, schema=database.schema, vector_schema=database.vector_schema()
        ).sent_as_compared("c")
        self._parts: dict[str, sql.Composable] = {
            "chunks": record.tables.chunks,
            "vector": Written(as_text(vectors)[0]),
            "codes": parts_of(record.tables, new=True)["codes"],
        }

    def run(self) -> CollectionRecord:
        with self._database.dedicated() as connection:
            prepare_session(connection)
            held = indexed(self._record.generation, None)
            give_resources(connection, self._index, held, self._rows)
            words = self._train(self._sample(connection))
            with connection.transaction():
                self._tables.create(connection, new=True)
                self._tables.add_codebook(connection, words)
                connection.execute(query("ivfpq.stage"), {})
                # the cursor stays open, so that its snapshot keeps the places of what it read
                with connection.cursor("embeddb_chunks", binary=True) as cursor:
                    cursor.execute(query("ivfpq.chunks", **self._parts), {})
                    self._stage(connection, cursor, words)
                    self._load(connection)
                    self._catch_up(connection, words)
                    self._tables.switch(connection)
                return Collections(self._database).set_index_on(
                    connection, self._record, self._index
                )

    def _sample(self, connection: Connection) -> Vector:
        """Read vectors to learn from, as they are compared, shape (n, dim)."""
        wanted = max(SAMPLE_ROWS, (self._index.lists or 1) * MIN_ROWS_PER_LIST)
        percent = min(100.0, 100.0 * SAMPLE_MARGIN * wanted / self._rows)
        parts = []
        with (
            connection.transaction(),
            connection.cursor("embeddb_sample", binary=True) as cursor,
        ):
            cursor.execute(query("ivfpq.sample", **self._parts), {"percent": percent})
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                parts.append(self._vectors([row[0] for row in rows]))
        return np.concatenate(parts) if parts else self._vectors([])

    def _train(self, sample: Vector) -> IVFPQCodebook:
        assert self._index.lists is not None
        assert self._index.subvectors is not None
        self._display.index("training", 0, 0)
        return train(
            sample,
            lists=self._index.lists,
            subvectors=self._index.subvectors,
            distance=self._record.generation.distance.label,
            progress=lambda done, total: self._display.index("training", done, total),
        )

    def _stage(
        self, connection: Connection, cursor: psycopg.ServerCursor[Any], words: IVFPQCodebook
    ) -> None:
        """Encode every chunk that the cursor sees."""
        done = 0
        self._display.index("assigning", 0, self._rows)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            copy.copy_rows(
                connection,
                sql.Identifier("pg_temp", "staged_codes"),
                ("list", "chunk_no", "correction", "code", "place", "id"),
                (
                    (fixed, copy.binary(row[2]), copy.text(row[0]))
                    for row, fixed in zip(rows, self._fields(rows, words), strict=True)
                ),
            )
            done += len(rows)
            self._display.index("assigning", done, max(done, self._rows))

    def _load(self, connection: Connection) -> None:
        """Put the codes in the order of their lists, and index them."""
        self._display.index("sorting", 0, 0)
        connection.execute(query("ivfpq.analyze_staged"), {})
        connection.execute(query("ivfpq.load", **self._parts), {})
        self._tables.index_new(connection)

    def _catch_up(self, connection: Connection, words: IVFPQCodebook) -> None:
        """Stop the writers, and bring over what they changed."""
        self._display.index("catching up", 0, 0)
        connection.execute(query("ivfpq.stop_writers", **self._parts), {})
        connection.execute(query("ivfpq.unload", **self._parts), {})
        with connection.cursor("embeddb_added", binary=True) as cursor:
            cursor.execute(query("ivfpq.added", **self._parts), {})
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                named = (
                    (fixed, copy.text(row[0]))
                    for row, fixed in zip(rows, self._fields(rows, words), strict=True)
                )
                copy.copy_rows(connection, self._parts["codes"], CODE_COLUMNS, named)

    def _fields(self, rows: Sequence[CodeRow], words: IVFPQCodebook) -> Iterator[memoryview]:
        vectors = self._vectors([row[3] for row in rows])
        return code_fields(words, vectors, [row[1] for row in rows])

    def _vectors(self, values: list[bytes]) -> Vector:
        generation = self._record.generation
        return from_binary(values, generation.storage.compared_as, generation.stored_dim)


def _resolved(index: IVFPQ, record: CollectionRecord, rows: int) -> IVFPQ:
    """Fix what was left open, for so many rows of these dimensions."""
    lists = index.lists or max(default_lists(rows), index.probes or 1)
    subvectors = index.subvectors or default_subvectors(record.generation.stored_dim)
    return replace(index, lists=lists, subvectors=subvectors).resolved(rows)


def _too_few(record: CollectionRecord, index: IVFPQ, rows: int) -> str:
    lists = index.lists or 1
    needed = max(CODES, lists * MIN_ROWS_PER_LIST if lists > 1 else 0)
    fewer = "" if rows < CODES else f", use {max(rows // MIN_ROWS_PER_LIST, 1)} lists or fewer,"
    return (
        f"IVFPQ needs {needed:,} rows or more to learn {lists:,} lists and {CODES} codewords from, "
        f"and {record.name!r} has {rows:,}: add more{fewer} or search so few exactly, with "
        "index=None."
    )
