"""The tables of an IVF-PQ index: created with it, read as a codebook, kept with the chunks.

An index of this kind is three plain tables beside the chunks: lists, codewords and codes. They
are there, if only empty, as long as the generation's spec is IVFPQ, so that whatever was compiled
for it runs; a search that finds no lists in them compares every row. A build makes new tables and
puts them in place of the old ones, so a table's oid tells which codebook it is from.

Writers ask for that oid in each of their transactions, after they touched the chunks. A build
locks the chunks before it puts its tables in place. So whatever index a writer's own record speaks
of, the codes of what it wrote are those of the index that is there, and none is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from psycopg import sql

from embeddb.db import copy
from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, query
from embeddb.db.vectors import BinaryVector, from_binary, to_int8
from embeddb.quantizers import IVFPQCodebook
from embeddb.records import Vector
from embeddb.repository.indexes.ivfpq_tables import ROTATION, identifiers_of
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.distances import Distance
from embeddb.schema.storage import Storage

CODE_COLUMNS = ("list", "chunk_no", "correction", "code", "id")
_FLOAT4_OID = 700


class Codebook(NamedTuple):
    """A codebook and the oid of the tables that it was read from; None: they are empty."""

    version: int
    words: IVFPQCodebook | None


class BinaryTable(BinaryVector):
    """A lookup table, shape (subvectors, 256), as Postgres's real[][] is sent."""

    def __init__(self, table: Vector) -> None:
        head = [2, 0, _FLOAT4_OID, len(table), 1, table.shape[1], 1]
        body = np.zeros(table.size, dtype=[("size", ">i4"), ("value", ">f4")])
        body["size"], body["value"] = 4, table.reshape(-1)
        self.data = np.array(head, dtype=">i4").tobytes() + body.tobytes()


class Codes:
    """The codes of one generation's chunks, and the codebook that they were made with.

    The codebook is read once, and again when there is another one.
    """

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        self._database = database
        self._generation = record.generation
        self._tables = record.tables
        self._names = {**identifiers_of(record.tables), "chunks": record.tables.chunks}
        self._known: Codebook | None = None

    def codebook(self, connection: Connection) -> Codebook | None:
        """Return the codebook that is in the tables now; None: there are no tables."""
        known = self._known
        version = self._version(connection)
        while version is not None and (known is None or known.version != version):
            # a build may put others in their place between two of these statements
            known = Codebook(version, self._read(connection))
            version = self._version(connection)
        self._known = known if version is not None else None
        return self._known

    def parameters(self, connection: Connection, vector: Vector) -> dict[str, Any]:
        """Return the parameters with which a statement looks up a query of shape (dim,).

        A codebook that another process replaced since it was read is found out by the statement,
        which then makes the lookup table itself.
        """
        known = self._known
        if known is None or known.words is None:
            known = self.codebook(connection)
        if known is None or known.words is None:
            return {"codebook": None, "words": None}
        table = known.words.table(vector).reshape(known.words.subvectors, -1)
        return {"codebook": known.version, "words": BinaryTable(table)}

    def add(
        self,
        connection: Connection,
        ids: Sequence[bytes],
        numbers: Sequence[int],
        vectors: Vector,
    ) -> None:
        """Add the codes of chunks that were written in this transaction.

        Args:
            connection: in the transaction that wrote the chunks.
            ids: in UTF-8.
            numbers: the chunks' numbers in their documents.
            vectors: what was given to be stored, shape (n, dim).
        """
        if not len(ids) or (found := self.codebook(connection)) is None or found.words is None:
            return
        rows = code_fields(found.words, as_compared(vectors, self._generation), numbers)
        named = zip(rows, map(copy.binary, ids), strict=True)
        copy.copy_rows(connection, self._names["codes"], CODE_COLUMNS, named)

    def remove(self, connection: Connection, ids: Sequence[str]) -> None:
        """Remove the codes of documents that were deleted or replaced in this transaction."""
        if ids and self._version(connection) is not None:
            connection.execute(query("ivfpq.remove", **self._names), {"ids": list(ids)})

    def remove_dangling(self, connection: Connection) -> None:
        """Remove the codes of chunks that are gone."""
        if self._version(connection) is not None:
            connection.execute(query("ivfpq.remove_dangling", **self._names), {})

    def counts(self) -> list[int]:
        """Return the number of codes in each list; nothing where the index is not built."""
        with self._database.connection() as connection:
            if self._version(connection) is None:
                return []
            rows = connection.execute(query("ivfpq.counts", **self._names), {}).fetchall()
        return [row[1] for row in rows]

    def _version(self, connection: Connection) -> int | None:
        name = sql.Identifier(self._tables.schema, self._tables.lists_name).as_string()
        row = connection.execute(query("ivfpq.version"), {"lists": name}).fetchone()
        return None if row is None else row[0]

    def _read(self, connection: Connection) -> IVFPQCodebook | None:
        send = Name(self._database.vector_schema(), "vector_send")
        lists, words = (
            connection.execute(query("ivfpq." + block, **self._names, send=send), {}).fetchall()
            for block in ("lists", "words")
        )
        if not lists or not words:
            return None
        dim = self._generation.stored_dim
        turned = [row[1] for row in words if row[0] == ROTATION]
        subvectors = [row[0] for row in words if row[0] != ROTATION]
        numbers = [row[1] for row in words if row[0] != ROTATION]
        return IVFPQCodebook(
            distance=self._generation.distance.label,
            centroids=from_binary([row[0] for row in lists], "vector", dim),
            codewords=_codewords(subvectors, numbers),
            rotation=np.ascontiguousarray(from_binary(turned, "vector", dim).T) if turned else None,
        )


def as_compared(vectors: Vector, generation: Generation) -> Vector:
    """Return vectors as they are read and compared once they are stored, shape (n, dim)."""
    if generation.storage is Storage.VECTOR:
        return vectors
    if generation.storage is Storage.HALFVEC:
        return vectors.astype(np.float16).astype(np.float32)
    numbers, scales = to_int8(vectors)
    if generation.distance is Distance.COSINE:
        return numbers.astype(np.float32)
    scaled = numbers.astype(np.float16) * scales.astype(np.float16)[:, np.newaxis]
    return np.asarray(scaled, dtype=np.float32)


def code_fields(
    words: IVFPQCodebook, vectors: Vector, numbers: Sequence[int]
) -> Iterator[memoryview]:
    """Yield the fields of CODE_COLUMNS up to the code, of n chunks, a piece a row."""
    lists, codes, corrections = words.assign(vectors)
    layout = np.dtype(
        [
            ("list_size", ">i4"),
            ("list", ">i4"),
            ("number_size", ">i4"),
            ("number", ">i4"),
            ("correction_size", ">i4"),
            ("correction", ">f4"),
            ("code_size", ">i4"),
            ("code", "u1", (words.subvectors,)),
        ]
    )
    rows = np.zeros(len(vectors), dtype=layout)
    rows["list_size"] = rows["number_size"] = rows["correction_size"] = 4
    rows["code_size"] = words.subvectors
    rows["list"], rows["number"], rows["correction"] = lists, numbers, corrections
    rows["code"] = codes
    data, width = memoryview(rows.tobytes()), layout.itemsize
    return (data[start : start + width] for start in range(0, len(data), width))


def _codewords(subvectors: list[int], numbers: list[bytes]) -> Vector:
    """Return the codewords of these columns, shape (subvectors, 256, widest)."""
    widths = np.bincount(subvectors)
    columns = from_binary(numbers, "vector", 256)
    found = np.zeros((len(widths), 256, widths.max()), np.float32)
    start = 0
    for subvector, width in enumerate(widths):
        found[subvector, :, :width] = columns[start : start + width].T
        start += width
    return found
