"""Creating, filling, switching and dropping the tables of an IVF-PQ index."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from embeddb.db import copy
from embeddb.db.database import Connection, TransactionSource
from embeddb.db.queries import Name, query
from embeddb.db.vectors import BinaryVector
from embeddb.quantizers import IVFPQCodebook
from embeddb.records import Vector
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import IVFPQ
from embeddb.schema.names import Tables

ROTATION = -1
"""The `subvector` under which the codewords' table has the rotation."""


class CodeTables:
    """Creates, fills and drops the tables of one generation's index."""

    def __init__(self, database: TransactionSource, record: CollectionRecord) -> None:
        self._vector_schema = database.vector_schema()
        self._record = record
        self._tables = record.tables

    def create(self, connection: Connection, *, new: bool = False) -> None:
        """Create the tables, empty; `new` ones stand beside those that are there."""
        tables = identifiers_of(self._tables, new=new)
        vector = sql.SQL("{}.vector").format(Name(self._vector_schema))
        sized = sql.SQL("{}({})").format(vector, sql.Literal(self._record.generation.stored_dim))
        connection.execute(query("ivfpq.create_lists", lists=tables["lists"], vector=sized), {})
        connection.execute(query("ivfpq.create_words", words=tables["words"], vector=vector), {})
        connection.execute(query("ivfpq.create_codes", codes=tables["codes"]), {})
        connection.execute(query("ivfpq.keep_words", words=tables["words"]), {})
        self._grant(connection, tables)

    def drop(self, connection: Connection) -> None:
        """Drop the tables, if they are there."""
        connection.execute(query("ivfpq.drop", **identifiers_of(self._tables)), {})

    def empty(self, connection: Connection) -> None:
        """Put empty tables in place of those that are there."""
        with connection.transaction():
            self.drop(connection)
            self.create(connection)

    def add_codebook(self, connection: Connection, words: IVFPQCodebook) -> None:
        """Write a codebook into the new tables."""
        tables = identifiers_of(self._tables, new=True)
        centroids = ((_integer(n), _vector(row)) for n, row in enumerate(words.centroids))
        copy.copy_rows(connection, tables["lists"], ("list", "centroid"), centroids)
        columns = ("subvector", "place", "numbers")
        copy.copy_rows(connection, tables["words"], columns, _column_fields(words))

    def index_new(self, connection: Connection) -> None:
        """Index the codes in the new tables, and gather statistics of them."""
        tables = identifiers_of(self._tables, new=True)
        for block, index in (("index_ids", "_newid"), ("index_lists", "_newpq")):
            name = Name(self._tables.chunks_name + index)
            connection.execute(query("ivfpq." + block, index=name, codes=tables["codes"]), {})
        for table in tables.values():
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
                query("ivfpq." + block, table=Name(self._tables.schema, before), new=Name(after)),
                {},
            )
        tables = identifiers_of(self._tables)
        connection.execute(query("ivfpq.key_lists", lists=tables["lists"]), {})
        connection.execute(query("ivfpq.key_words", words=tables["words"]), {})

    def _grant(self, connection: Connection, tables: dict[str, sql.Composable]) -> None:
        """Grant everybody the privileges that they have on the chunks."""
        held = connection.execute(
            query("ivfpq.grants"),
            {"schema": self._tables.schema, "chunks": self._tables.chunks_name},
        ).fetchall()
        for privilege, role in held:
            # who writes chunks writes codes; the lists and words change with the index alone
            read = privilege == "SELECT"
            connection.execute(
                query(
                    "ivfpq.grant",
                    tables=sql.SQL(", ").join(tables.values() if read else [tables["codes"]]),
                    privilege=sql.SQL(privilege),
                    grantee=sql.SQL("PUBLIC") if role is None else Name(role),
                ),
                {},
            )


def names_of(tables: Tables, *, new: bool = False) -> dict[str, str]:
    """Return the tables of an index, or of a build; the names fit any collection's."""
    if new:
        return {key + "s": tables.chunks_name + "_new" + key for key in ("list", "word", "code")}
    return {"lists": tables.lists_name, "words": tables.words_name, "codes": tables.codes_name}


def identifiers_of(tables: Tables, *, new: bool = False) -> dict[str, sql.Composable]:
    """Return the tables of an index as statements name them."""
    return {key: Name(tables.schema, name) for key, name in names_of(tables, new=new).items()}


def _column_fields(words: IVFPQCodebook) -> Iterator[tuple[copy.Field, ...]]:
    if words.rotation is not None:
        for place, column in enumerate(words.rotation.T):
            yield _small(ROTATION), _small(place), _vector(column)
    for subvector, width in enumerate(words.widths):
        for place in range(width):
            numbers = words.codewords[subvector, :, place]
            yield _small(subvector), _small(place), _vector(numbers)


def _vector(values: Vector) -> bytes:
    return copy.binary(BinaryVector(values).data)


def _integer(value: int) -> bytes:
    return copy.binary(value.to_bytes(4, "big", signed=True))


def _small(value: int) -> bytes:
    return copy.binary(value.to_bytes(2, "big", signed=True))
