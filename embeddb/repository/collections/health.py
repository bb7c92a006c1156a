"""What is wrong with a collection's indexes, functions and generations, as Postgres has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from embeddb.db.boundary import translated
from embeddb.db.database import Database
from embeddb.db.queries import query
from embeddb.repository.collections.collections import Collections
from embeddb.repository.collections.functions import Functions
from embeddb.repository.collections.generations import GenerationLock
from embeddb.repository.indexes.indexes import build_key
from embeddb.repository.indexes.ivfpq_tables import CodeTables
from embeddb.schema.attached_ddl import follower_names
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import IVFPQ, derived_of
from embeddb.schema.layouts import partitions_of
from embeddb.schema.names import Tables

UNFINISHED = ("building", "retired")
"""States of a generation that nobody searches: a conversion makes it now, or was interrupted."""

_METHODS = ("hnsw", "ivfflat", "ivfpq")
_REINDEXED = re.compile(r"_cc(?:new|old)\d*\Z")
_MAX_IDENTIFIER_BYTES = 63


@dataclass(frozen=True, kw_only=True, slots=True)
class InvalidIndex:
    """An index that searches do not read, and writes may still have to keep.

    Attributes:
        ours: whether embeddb gave it its name, or REINDEX CONCURRENTLY did to one of embeddb's.
        busy: the processes at work on its table; it may be what one of them is building.
    """

    name: str
    ours: bool
    busy: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TableState:
    """What Postgres's statistics say of the chunks.

    Attributes:
        planned: rows as the planner knows them; -1 where nobody gathered statistics yet.
        live: rows, as counted by those who wrote them.
        dead: old versions of rows that wait for VACUUM.
        scans: how often the table was read as a whole.
    """

    planned: int
    live: int
    dead: int
    scans: int


class IndexHealth:
    """Looks at one collection, and changes nothing but functions that are missing."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        self._database = database
        self._record = record
        self._tables = record.tables

    def invalid(self) -> list[InvalidIndex]:
        """Return the invalid indexes of both tables."""
        suffixes = partitions_of(self._record.generation.layout)
        names = [self._tables.documents_name, self._tables.chunks_name]
        names += [self._tables.partition(suffix) for suffix in suffixes]
        rows = self._rows("invalid", tables=names)
        return [
            InvalidIndex(name=name, ours=is_ours(name, self._tables), busy=tuple(pids))
            for name, pids in rows
        ]

    def missing_functions(self) -> list[str]:
        """Return the names of the collection's functions that are not there."""
        generation = self._record.generation
        derived = derived_of(generation.index)
        expected = [self._tables.search_function]
        if generation.transform is not None:
            expected.append(self._tables.transform_function)
        if derived is not None and derived.has_thresholds:
            expected.append(self._tables.code_function)
        if isinstance(generation.index, IVFPQ):
            expected.append(self._tables.lookup_function)
        others = self._others()
        rows = self._rows(
            "functions",
            names=expected,
            others=others,
            vector_schema=self._database.vector_schema(),
        )
        found = {row[0] for row in rows}
        return [name for name in (*expected, *others) if name not in found]

    def _others(self) -> list[str]:
        """Return the functions that come with the search, and take nothing of pgvector's."""
        followers = follower_names(self._record) if self._record.source else []
        return [self._tables.similar_function, *followers]

    def create_functions(self, names: list[str]) -> None:
        """Create functions that are missing; whoever had a privilege on one has to get it again.

        The thresholds of codes are learned when the index is built, which cannot be there: it
        depended on the function.
        """
        functions = Functions(self._database)
        with self._database.transaction() as connection:
            if self._tables.code_function in names:
                functions.create_code(connection, self._record, None)
            if self._tables.transform_function in names:
                functions.create_transform(connection, self._record)
            if self._tables.lookup_function in names:
                CodeTables(self._database, self._record).create(connection)  # it reads them
                functions.create_lookup(connection, self._record)
            if {self._tables.search_function, *self._others()} & set(names):
                functions.create_search(connection, self._record)

    def table(self) -> TableState:
        """Return the statistics of the chunks."""
        ((planned, live, dead, scans),) = self._rows("table", table=self._tables.chunks_name)
        return TableState(planned=planned, live=live, dead=dead, scans=scans)

    def unfinished(self) -> list[CollectionRecord]:
        """Return the generations that were left behind, or are being created now."""
        return [
            record
            for record in Collections(self._database).generations(self._record.name)
            if record.generation.state in UNFINISHED
        ]

    def users(self, generation: CollectionRecord) -> list[int] | None:
        """Return the processes that use a generation's table; None: somebody is creating it."""
        if not self._may_build(generation) or not self._may_claim(generation):
            return None
        return [row[0] for row in self._rows("table_users", table=generation.tables.chunks_name)]

    def _may_build(self, generation: CollectionRecord) -> bool:
        with self._database.dedicated() as connection, translated():
            key = build_key(connection, generation.tables)
            row = connection.execute(query("schema.try_lock"), key).fetchone()
        return bool(row and row[0])  # closing the connection released the lock

    def _may_claim(self, generation: CollectionRecord) -> bool:
        with GenerationLock(self._database) as claim:
            return claim.take(generation.tables)

    def _rows(self, block: str, **values: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
        given = {"schema": self._tables.schema, **values}
        with self._database.connection() as connection:
            return connection.execute(query("index_health." + block), given).fetchall()


def is_ours(name: str, tables: Tables) -> bool:
    """Return whether an index is embeddb's, or what REINDEX CONCURRENTLY left of such a one."""
    own = {
        tables.metadata_index,
        tables.documents_name + "_pkey",
        tables.chunks_name + "_pkey",
        tables.parts_index,
        *(tables.vector_index(method) for method in _METHODS),
    }
    if name in own or any(tables.is_vector_index(name, method) for method in _METHODS):
        return True
    stem = _REINDEXED.sub("", name)
    if stem == name:
        return False
    cut = len(name.encode()) >= _MAX_IDENTIFIER_BYTES  # Postgres shortened the name before it
    if stem in own or any(tables.is_vector_index(stem, method) for method in _METHODS):
        return True
    return cut and any(full.startswith(stem) for full in own)
