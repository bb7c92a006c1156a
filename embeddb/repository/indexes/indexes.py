"""Building and dropping indexes: concurrently, with progress, never leaving an invalid one."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg
from psycopg import sql

from embeddb.db.boundary import translate, translated
from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, Value, query
from embeddb.errors import (
    EmbedDBError,
    IndexBuildError,
    IndexBuildWarning,
    PermissionDeniedError,
)
from embeddb.protocols import PhaseProgress
from embeddb.repository.indexes.build import (
    POLL_SECONDS,
    give_resources,
    leave_workers_out,
    prepare_session,
    run_build,
)
from embeddb.repository.indexes.definitions import IndexDefinitions
from embeddb.repository.indexes.ivfpq_tables import CodeTables
from embeddb.repository.indexes.listing import IndexInfo, list_indexes
from embeddb.repository.indexes.partitions import (
    attach,
    counted,
    detached,
    is_partitioned,
    patiently,
)
from embeddb.repository.indexes.planner import lacks_shared_memory
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.index_sizes import index_bytes
from embeddb.schema.indexes import HNSW, IVFPQ, IndexSpec, IVFFlat
from embeddb.schema.layouts import PartialIndexes, partitions_of
from embeddb.schema.names import Tables

CLEAN_UP_MS = 5_000
"""How long to wait for whoever reads the table, before what a failed build left is left to
`embeddb index repair`: Ctrl-C should not wait for somebody else's transaction."""


class Indexes:
    """The indexes of one collection."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        self._database = database
        self._record = record
        self._tables = record.tables
        self._definitions = IndexDefinitions(database, record)
        self._held: Connection | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the collection's build lock over several calls: nobody else builds or drops."""
        with self._building() as connection:
            self._held = connection
            try:
                yield
            finally:
                self._held = None

    def all(self) -> list[IndexInfo]:
        """Return the indexes of both tables, primary keys apart."""
        with self._database.connection() as connection:
            return list_indexes(connection, self._tables)

    def missing(self, index: IndexSpec | None) -> list[str]:
        """Return the names of the indexes that should be there and are not, or are invalid."""
        valid = {info.name for info in self.all() if info.valid}
        expected = [] if self._record.source else [self._tables.metadata_index]
        if index is not None:
            expected += self._definitions.vector_names(index)
        return [name for name in expected if name not in valid]

    def ensure(
        self, index: IndexSpec | None, rows: int, progress: PhaseProgress | None = None
    ) -> None:
        """Build what is missing; what an interrupted build left behind is removed first.

        Raises:
            IndexBuildError: Postgres could not build it; nothing invalid is left.
        """
        with self._building() as connection:
            self._ensure(connection, index, rows, progress)

    def drop(self, *, but: str | None = None) -> None:
        """Drop the vector indexes; searches read every row until there is one again.

        Args:
            but: the method of the one to keep.
        """
        with self._building() as connection:
            self._drop_vector_indexes(connection, but)

    def remove_invalid(self, name: str) -> bool:
        """Drop what an interrupted build left; return False if a reader is in the way."""
        with self._building() as connection:
            return self._is_cleaned_up(connection, name)

    def estimated_bytes(self, index: IndexSpec, rows: int) -> int | None:
        """Return the estimated bytes on disk of an index on so many rows; None: not known.

        Beside it the table must have room for what is written meanwhile: SQL does not tell how
        much the disk has left.
        """
        return index_bytes(self._definitions.vectors(index).held, index, rows)

    def _ensure(
        self,
        connection: Connection,
        index: IndexSpec | None,
        rows: int,
        progress: PhaseProgress | None,
    ) -> None:
        missing = self.missing(index)
        if self._tables.metadata_index in missing:
            self._build_metadata_index(connection, progress)
        scanned = None if isinstance(index, IVFPQ) else index  # build_codes makes the other
        lacking = [] if scanned is None else self._definitions.vector_names(scanned, missing)
        if scanned is not None and lacking:
            with translated():
                give_resources(connection, scanned, self._definitions.vectors(scanned).held, rows)
            if progress is not None and (size := self.estimated_bytes(scanned, rows)):
                progress(f"about {size / 1e6:,.1f} MB to build", 0, 0)
            for name in lacking:
                self._build_vector(connection, scanned, name, progress)
        with translated():
            documents = [] if self._record.source else [self._tables.documents]
            for table in (*documents, self._tables.chunks):
                connection.execute(query("indexes.analyze", table=table), {})

    def _drop_vector_indexes(self, connection: Connection, but: str | None) -> None:
        with translated():
            for info in list_indexes(connection, self._tables):
                if info.method == but:
                    continue
                if info.method in ("hnsw", "ivfflat"):
                    self._drop(connection, info.name)
                elif info.method == IVFPQ.method:
                    CodeTables(self._database, self._record).empty(connection)
            self._drop_detached(connection)

    def _drop_detached(self, connection: Connection) -> None:
        """Drop the indexes that partitions have to themselves: interrupted builds left them."""
        if partitions_of(self._record.generation.layout):
            for name in detached(connection, self._tables):
                self._drop(connection, name)

    def _build_vector(
        self,
        connection: Connection,
        index: HNSW | IVFFlat,
        name: str,
        progress: PhaseProgress | None,
    ) -> None:
        layout = self._record.generation.layout
        if partitions_of(layout):
            self._build_partitioned(connection, index, progress)
        elif isinstance(layout, PartialIndexes) and name != self._tables.vector_index(index.method):
            number = self._definitions.vector_names(index).index(name) - 1
            part = Value(layout.parts[number])
            statement = self._definitions.vector_sql(index, name, block="create_partial", part=part)
            self._build(connection, name, statement, progress, may_be_empty=True)
        else:
            self._build(connection, name, self._definitions.vector_sql(index, name), progress)

    def _build_partitioned(
        self, connection: Connection, index: HNSW | IVFFlat, progress: PhaseProgress | None
    ) -> None:
        """Build an index of each partition, and the whole table's of them."""
        whole = self._tables.vector_index(index.method)
        suffixes = partitions_of(self._record.generation.layout)
        with translated():
            self._drop(connection, whole)
            self._drop_detached(connection)
        try:
            patiently(
                connection, self._definitions.vector_sql(index, whole, block="create_partitioned")
            )
            for number, suffix in enumerate(suffixes, start=1):
                name = self._tables.part_index(index.method, suffix)
                statement = self._definitions.vector_sql(
                    index, name, table=self._tables.partition(suffix)
                )
                own = counted(progress, number, len(suffixes))
                self._build(connection, name, statement, own, may_be_empty=True)
                attach(connection, self._tables, whole, name)
        except BaseException as error:
            failed = self._failed(connection, whole, error)
            if failed is error:
                raise
            raise failed from error

    @contextmanager
    def _building(self) -> Iterator[Connection]:
        """Hold the collection's build lock on a connection of its own.

        Another builder is waited for by polling: waiting inside a statement would hold a
        snapshot, for which CREATE INDEX CONCURRENTLY waits in turn.
        """
        if self._held is not None:
            yield self._held
            return
        with self._database.dedicated() as connection:
            with translated():
                prepare_session(connection)
                _lock(connection, build_key(connection, self._tables))
            yield connection  # closing the connection releases the lock

    def _build_metadata_index(self, connection: Connection, progress: PhaseProgress | None) -> None:
        """Build the index on the metadata, which the generations of a collection share.

        Two of them may be built at the same time, under a lock each. Without one for what they
        share, each would drop what the other is building, and wait for it in turn.
        """
        name = self._tables.metadata_index
        with translated():
            key = _lock_key(connection, self._tables.schema, self._tables.documents_name)
            _lock(connection, key)
        try:
            if name in self.missing(None):
                self._build(connection, name, self._definitions.metadata_sql(), progress)
        finally:
            if not connection.closed:
                connection.execute(query("schema.unlock"), key)

    def _build(
        self,
        connection: Connection,
        name: str,
        statement: sql.Composed,
        progress: PhaseProgress | None,
        *,
        may_be_empty: bool = False,
    ) -> None:
        with translated():
            self._drop(connection, name)
        try:
            try:
                notes = run_build(self._database, connection, statement, progress)
            except pg.DiskFull as error:
                # parallel workers share memory in /dev/shm, which containers keep small
                if not lacks_shared_memory(str(error)):
                    raise
                self._drop(connection, name)
                leave_workers_out(connection)
                notes = run_build(self._database, connection, statement, progress)
        except BaseException as error:
            raise self._failed(connection, name, error) from error
        for note in notes:
            if may_be_empty and "little data" in note:
                continue
            warnings.warn(f"{name}: {note}", IndexBuildWarning, stacklevel=2)

    def _failed(self, connection: Connection, name: str, error: BaseException) -> BaseException:
        """Remove the invalid index that a failed build leaves; return the error to raise."""
        left = "" if self._is_cleaned_up(connection, name) else _LEFT
        if not isinstance(error, psycopg.Error):
            if left:
                error.add_note(left)
            return error
        cause = translate(error)
        if isinstance(cause, PermissionDeniedError):
            return cause
        remedy = _BUILD_REMEDIES.get(error.sqlstate or "", "Then run `embeddb index build` again.")
        return IndexBuildError(
            f"The index {name} could not be built: {_first(cause)} {remedy}{left}"
        )

    def _is_cleaned_up(self, connection: Connection, name: str) -> bool:
        """Drop what a failed build left; return False if that cannot be, now or any more."""
        limit = query("indexes.wait_for_lock")
        try:
            connection.execute(limit, {"limit": str(CLEAN_UP_MS)})
            self._drop(connection, name, patient=False)
            self._drop_detached(connection)
        except psycopg.Error:
            return False
        finally:
            if not connection.closed:
                connection.execute(limit, {"limit": "0"})
        return True

    def _drop(self, connection: Connection, name: str, *, patient: bool = True) -> None:
        index = Name(self._tables.schema, name)
        if not is_partitioned(connection, self._tables, name):
            connection.execute(query("indexes.drop", index=index), {}, prepare=False)
        elif patient:
            patiently(connection, query("indexes.drop_partitioned", index=index))
        else:
            connection.execute(query("indexes.drop_partitioned", index=index), {}, prepare=False)


_BUILD_REMEDIES = {
    "53100": "Free disk space and run `embeddb index build` again.",
    "53200": "Lower maintenance_work_mem or m and run `embeddb index build` again.",
    "54000": "Choose fewer lists, or raise the server's maintenance_work_mem.",
    "57014": "It was cancelled; run `embeddb index build` again.",
}

_LEFT = " Searches do not read what is left of it, and `embeddb index repair` removes it."


def build_key(connection: Connection, tables: Tables) -> dict[str, int]:
    """Return the advisory lock under which one generation's indexes are built."""
    return _lock_key(connection, tables.schema, tables.chunks_name)


def _lock_key(connection: Connection, schema: str, name: str) -> dict[str, int]:
    row = connection.execute(query("indexes.lock_key"), {"name": f"{schema}.{name}"}).fetchone()
    return {"key": row[0] if row else 0}


def _lock(connection: Connection, key: dict[str, int]) -> None:
    """Take an advisory lock by polling: waiting inside a statement would hold a snapshot."""
    while not _true(connection, query("schema.try_lock"), key):
        time.sleep(POLL_SECONDS)


def _first(error: EmbedDBError) -> str:
    return str(error).splitlines()[0] + "."


def _true(connection: Connection, statement: sql.Composed, values: dict[str, int]) -> bool:
    row = connection.execute(statement, values).fetchone()
    return bool(row and row[0])
