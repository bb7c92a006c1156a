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
from embeddb.db.database import Connection, Database, TransactionSource
from embeddb.db.queries import Name, query
from embeddb.db.vectors import BinaryVector, from_binary, to_int8
from embeddb.quantizers import IVFPQCodebook
from embeddb.records import Vector
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import IVFPQ
from embeddb.schema.names import Tables
from embeddb.schema.storage import Storage

ROTATION = -1
"""The `subvector` under which the codewords' table has the rotation."""

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
        self._parts = {**parts_of(record.tables), "chunks": record.tables.chunks}
        self._known: Codebook | None = None

    def codebook(self, connection: Connection) -> Codebook | None:
        """Give the codebook that is in the tables now; None: there are no tables."""
        known = self._known
        version = self._version(connection)
        while version is not None and (known is None or known.version != version):
            # a build may put others in their place between two of these statements
            known = Codebook(version, self._read(connection))
            version = self._version(connection)
        self._known = known if version is not None else None
        return self._known

    def parameters(self, connection: Connection, vector: Vector) -> dict[str, Any]:
        """Give what a statement takes to look a query up, shape (dim,).

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
        copy.copy_rows(connection, self._parts["codes"], CODE_COLUMNS, named)

    def remove(self, connection: Connection, ids: Sequence[str]) -> None:
        """Forget the codes of documents that were deleted or replaced in this transaction."""
        if ids and self._version(connection) is not None:
            connection.execute(query("ivfpq.remove", **self._parts), {"ids": list(ids)})

    def remove_dangling(self, connection: Connection) -> None:
        """Forget the codes of chunks that are gone."""
        if self._version(connection) is not None:
            parts = {**self._parts, "chunks": self._tables.chunks}
            connection.execute(query("ivfpq.remove_dangling", **parts), {})

    def counts(self) -> list[int]:
        """Count the codes in each list; no list at all: the index is not built."""
        with self._database.connection() as connection:
            if self._version(connection) is None:
                return []
            rows = connection.execute(query("ivfpq.counts", **self._parts), {}).fetchall()
        return [row[1] for row in rows]

    def _version(self, connection: Connection) -> int | None:
        name = sql.Identifier(self._tables.schema, self._tables.lists_name).as_string()
        row = connection.execute(query("ivfpq.version"), {"lists": name}).fetchone()
        return None if row is None else row[0]

    def _read(self, connection: Connection) -> IVFPQCodebook | None:
        send = Name(self._database.vector_schema(), "vector_send")
        lists, words = (
            connection.execute(query("ivfpq." + block, **self._parts, send=send), {}).fetchall()
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


class CodeTables:
    """Creates, fills and drops the tables of one generation's index."""

    def __init__(self, database: TransactionSource, record: CollectionRecord) -> None:
        self._vector_schema = database.vector_schema()
        self._record = record
        self._tables = record.tables

    def create(self, connection: Connection, *, new: bool = False) -> None:
        """Create the tables, empty; `new` ones stand beside those that are there."""
        parts = parts_of(self._tables, new=new)
        vector = sql.SQL("{}.vector").format(Name(self._vector_schema))
        sized = sql.SQL("{}({})").format(vector, sql.Literal(self._record.generation.stored_dim))
        connection.execute(query("ivfpq.create_lists", lists=parts["lists"], vector=sized), {})
        connection.execute(query("ivfpq.create_words", words=parts["words"], vector=vector), {})
        connection.execute(query("ivfpq.create_codes", codes=parts["codes"]), {})
        connection.execute(query("ivfpq.keep_words", words=parts["words"]), {})
        self._grant(connection, parts)

    def drop(self, connection: Connection) -> None:
        """Drop the tables, if they are there."""
        connection.execute(query("ivfpq.drop", **parts_of(self._tables)), {})

    def empty(self, connection: Connection) -> None:
        """Put empty tables in place of those that are there."""
        with connection.transaction():
            self.drop(connection)
            self.create(connection)

    def add_codebook(self, connection: Connection, words: IVFPQCodebook) -> None:
        """Write a codebook into the new tables."""
        parts = parts_of(self._tables, new=True)
        centroids = ((_integer(n), _vector(row)) for n, row in enumerate(words.centroids))
        copy.copy_rows(connection, parts["lists"], ("list", "centroid"), centroids)
        columns = ("subvector", "place", "numbers")
        copy.copy_rows(connection, parts["words"], columns, _column_fields(words))

    def index_new(self, connection: Connection) -> None:
        """Index the codes in the new tables, and let the planner know them."""
        parts = parts_of(self._tables, new=True)
        for block, index in (("index_ids", "_newid"), ("index_lists", "_newpq")):
            name = Name(self._tables.chunks_name + index)
            connection.execute(query("ivfpq." + block, index=name, codes=parts["codes"]), {})
        for table in parts.values():
            connection.execute(query("ivfpq.analyze", table=table), {})

    def switch(self, connection: Connection) -> None:
        """Put the new tables in place of those that are there."""
        self.drop(connection)
        old, new = names_of(self._tables), names_of(self._tables, new=True)
        renamed = [(new[key], old[key], "rename_table") for key in old]
        stem = self._tables.chunks_name
        renamed += [
            (stem + "_newid", stem + "_codeid", "rename_index"),
            (stem + "_newpq", self._tables.vector_index(IVFPQ.method), "rename_index"),
        ]
        for before, after, block in renamed:
            connection.execute(
                query(
                    "ivfpq." + block, table=Name(self._tables.schema, before), wanted=Name(after)
                ),
                {},
            )
        parts = parts_of(self._tables)
        connection.execute(query("ivfpq.key_lists", lists=parts["lists"]), {})
        connection.execute(query("ivfpq.key_words", words=parts["words"]), {})

    def _grant(self, connection: Connection, parts: dict[str, sql.Composable]) -> None:
        """Give everybody the rights that they have on the chunks."""
        rights = connection.execute(
            query("ivfpq.grants"),
            {"schema": self._tables.schema, "chunks": self._tables.chunks_name},
        ).fetchall()
        for privilege, role in rights:
            # who writes chunks writes codes; the lists and words change with the index alone
            read = privilege == "SELECT"
            connection.execute(
                query(
                    "ivfpq.grant",
                    tables=sql.SQL(", ").join(parts.values() if read else [parts["codes"]]),
                    privilege=sql.SQL(privilege),
                    grantee=sql.SQL("PUBLIC") if role is None else Name(role),
                ),
                {},
            )


def names_of(tables: Tables, *, new: bool = False) -> dict[str, str]:
    """Name the tables of an index, or those that a build makes: short enough for any collection."""
    if new:
        return {key + "s": tables.chunks_name + "_new" + key for key in ("list", "word", "code")}
    return {"lists": tables.lists_name, "words": tables.words_name, "codes": tables.codes_name}


def parts_of(tables: Tables, *, new: bool = False) -> dict[str, sql.Composable]:
    """Give the tables of an index, for statements."""
    return {key: Name(tables.schema, name) for key, name in names_of(tables, new=new).items()}


def as_compared(vectors: Vector, generation: Generation) -> Vector:
    """Give vectors as they are read and compared once they are stored, shape (n, dim)."""
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
    """Encode n chunks and give the fields of CODE_COLUMNS up to the code, a piece a row."""
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


def _column_fields(words: IVFPQCodebook) -> Iterator[tuple[copy.Field, ...]]:
    if words.rotation is not None:
        for place, column in enumerate(words.rotation.T):
            yield _small(ROTATION), _small(place), _vector(column)
    for subvector, width in enumerate(words.widths):
        for place in range(width):
            numbers = words.codewords[subvector, :, place]
            yield _small(subvector), _small(place), _vector(numbers)


def _codewords(subvectors: list[int], numbers: list[bytes]) -> Vector:
    """Put the columns of codewords together, shape (subvectors, 256, widest)."""
    widths = np.bincount(subvectors)
    columns = from_binary(numbers, "vector", 256)
    found = np.zeros((len(widths), 256, widths.max()), np.float32)
    start = 0
    for subvector, width in enumerate(widths):
        found[subvector, :, :width] = columns[start : start + width].T
        start += width
    return found


def _vector(values: Vector) -> bytes:
    return copy.binary(BinaryVector(values).data)


def _integer(value: int) -> bytes:
    return copy.binary(value.to_bytes(4, "big", signed=True))


def _small(value: int) -> bytes:
    return copy.binary(value.to_bytes(2, "big", signed=True))
