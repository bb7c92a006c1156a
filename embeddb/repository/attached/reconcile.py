"""Compares chunks with the rows that they are made of, a page at a time, and mends what differs.

Triggers are not told of everything: a partition is dropped, a load disables them, replication
applies rows. So chunks may be left of rows that are gone, and rows may lack chunks, or have those
of an older text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import errors as pg
from psycopg import sql

from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, query
from embeddb.errors import GenerationChangedError
from embeddb.repository.attached.rows import AttachedChunks, SourceRows
from embeddb.repository.collections.writers import join_writers
from embeddb.schema.attached_ddl import source_of
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.keys import key_columns, key_values

PAGE_ROWS = 5_000
"""Rows of a page: a fraction of a second, after which whatever waits has its turn."""

LOCK_TIMEOUT_MS = 50
"""How long a page waits for a row that an application's open transaction has changed.

It is far below Postgres's deadlock_timeout: if the two wait for each other, this gives way.
"""

_SPACE = r"\s\x1c-\x1f\x85\xa0"
_TEXT, _END = f"[^{_SPACE}]", f"[{_SPACE}]+$"
"""What a text has, and how it may end: white space as Python understands it, more than Postgres."""

SAMPLE_ROWS = 1_000
"""Rows that `doctor` looks at, of several kinds."""

CHUNKS, ROWS = "chunks", "rows"
"""The two phases: chunks without a row, then rows whose chunks are not made of their text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What a page came to.

    Attributes:
        looked_at: documents and rows that were looked at since the comparison began.
        removed: documents that had chunks and no row.
        enqueued: rows that came into the queue.
        finished: whether that was the last page.
    """

    looked_at: int
    removed: int
    enqueued: int
    finished: bool


class Reconciler:
    """Compares one attached collection with its table."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        source = source_of(record)
        self._schema, self._record = database.schema, record
        self._rows = SourceRows(database, record)
        self._chunks = AttachedChunks(database, record)
        self._names: dict[str, sql.Composable] = _names(database.schema) | {
            "documents": record.tables.documents,
            "chunks": record.tables.chunks,
            "text": sql.Literal(_TEXT),
            "end": sql.Literal(_END),
            # a page without text has no chunks for good, and would be called missing for ever
            "is_plain": sql.Literal(not source.holds_documents),
            "keys": key_columns(source, "d"),
            "backwards": sql.SQL(", ").join(
                sql.SQL("{} DESC").format(Name("d", key.view_name)) for key in source.keys
            ),
            "same": sql.SQL("({}) = ({})").format(
                key_columns(source, "d"), key_values(source, sql.Identifier("p", "id"))
            ),
        }
        self._after = sql.SQL("WHERE ({}) > ({})").format(
            key_columns(source, "d"), key_values(source, sql.Placeholder("after"))
        )

    def request(self, connection: Connection) -> None:
        """Have the collection compared from the beginning, whoever does it."""
        request(connection, self._schema, self._record.name)

    def begin(self, connection: Connection) -> None:
        """Have the collection compared, unless that is going on: then it goes on."""
        self._execute(connection, "begin", {"name": self._record.name})

    def sample(self, connection: Connection) -> tuple[int, int]:
        """Return how many of some documents have no row, and of some rows neither chunk nor job.

        Rows that are still on their way into the queue count as well.
        """
        percent = 100.0 * SAMPLE_ROWS / max(self._estimate(connection), SAMPLE_ROWS)
        values = {"limit": SAMPLE_ROWS, "percent": percent, "collection": self.id(connection)}
        row = self._execute(connection, "sample", values).fetchone()
        return int(row[0]), int(row[1])

    def _estimate(self, connection: Connection) -> float:
        table = {"table": self._record.tables.chunks_text}
        row = connection.execute(query("reconcile.estimate"), table).fetchone()
        return 0.0 if row is None else float(row[0])

    def id(self, connection: Connection) -> int:
        """Return the collection's id."""
        row = self._execute(connection, "id", {"name": self._record.name}).fetchone()
        assert row is not None  # the record was read from there
        return int(row[0])

    def look(self, connection: Connection, phase: str, after: str | None) -> Page:
        """Return a page of what differs, and change nothing.

        Args:
            connection: where to read.
            phase: `chunks` or `rows`.
            after: the last key of the page before; None: the first page.

        Raises:
            PermissionDeniedError: row-level security hides rows from the role, which would be
                taken for gone.
        """
        self._rows.check_sight(connection)
        if phase == CHUNKS:
            found = self._execute(connection, "chunks_page", {"after": after, "limit": PAGE_ROWS})
            row = found.fetchone()
        else:
            row = self._rows_page(connection, after)
        assert row is not None  # it counts
        return Page(count=row[0], last=row[1], differing=tuple(row[2]))

    def step(self, connection: Connection, collection: int) -> Step | None:
        """Look at one page and mend what differs, in a transaction of its own.

        Args:
            connection: outside of a transaction.
            collection: the collection's id.

        Returns:
            What the page came to; None where another process is at it.

        Raises:
            GenerationChangedError: the collection was converted; read its record again.
            PermissionDeniedError: rows are hidden from the role.
            psycopg.errors.LockNotAvailable: an application's open transaction is about to change
                one of the rows; try again later.
        """
        with connection.transaction():
            self._execute(connection, "add", {"collection": collection})
            held = self._execute(connection, "hold", {"collection": collection}).fetchone()
            if held is None:
                return None
            phase, after, begins = held
            active = join_writers(connection, self._schema, self._record.name)
            if active != self._record.generation.number:
                raise GenerationChangedError
            page = self.look(connection, phase, after)
            removed = enqueued = 0
            if page.differing:
                limit = {"milliseconds": str(LOCK_TIMEOUT_MS)}
                connection.execute(query("attach.lock_timeout"), limit)
                keys = {"collection": collection, "keys": list(page.differing)}
                self._execute(connection, "take", keys)
                if phase == CHUNKS:
                    removed = self._remove(connection, collection, page.differing)
                enqueued = len(page.differing) - removed
                self._execute(connection, "notify", {"collection": collection})
            is_last = page.count < PAGE_ROWS
            values = {
                "collection": collection,
                "phase": ROWS if is_last else phase,
                "last_key": None if is_last else page.last,
                "looked_at": page.count,
                "removed": removed,
                "enqueued": enqueued,
                "begins": begins,
                "finished": is_last and phase == ROWS,
            }
            row = self._execute(connection, "advance", values).fetchone()
        assert row is not None  # it is held
        return Step(
            looked_at=row[0], removed=row[1], enqueued=row[2], finished=is_last and phase == ROWS
        )

    def _remove(self, connection: Connection, collection: int, ids: Sequence[str]) -> int:
        """Remove chunks of rows that are still gone, now that nobody writes any of these.

        A row that came back meanwhile keeps its job, and its chunks until a worker has read it.
        """
        rows = self._execute(connection, "orphans", {"ids": list(ids)}).fetchall()
        gone = [row[0] for row in rows]
        if gone:
            keys = {"collection": collection, "keys": gone}
            self._chunks.remove(connection, gone)
            self._execute(connection, "forget", keys)
            self._execute(connection, "forget_failed", keys)
        return len(gone)

    def _rows_page(self, connection: Connection, after: str | None) -> Any:  # noqa: ANN401  # a row
        collection = self.id(connection)
        values = {"limit": PAGE_ROWS, "collection": collection, "after": after}
        where = sql.SQL("") if after is None else self._after
        try:
            with connection.transaction():
                return self._execute(connection, "rows_page", values, after=where).fetchone()
        except pg.DataError:
            # the user's SQL fails on a row: workers find out which, and say so
            split = None if after is None else self._rows.split(after)
            keys, last = self._rows.page(connection, split, PAGE_ROWS)
            return len(keys), None if last is None else keys[-1], keys

    def _execute(
        self, connection: Connection, name: str, values: dict[str, Any], **slots: sql.Composable
    ) -> Any:  # noqa: ANN401  # a cursor
        return connection.execute(query("reconcile." + name, **self._names, **slots), values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page of a comparison.

    Attributes:
        count: how many documents or rows were looked at.
        last: the key of the last one; None where there was none.
        differing: the keys of those that differ.
    """

    count: int
    last: str | None
    differing: tuple[str, ...]


def request(connection: Connection, schema: str, name: str, *, is_same: bool = False) -> None:
    """Have a collection compared with its table, in the caller's transaction.

    Args:
        connection: where to write.
        schema: embeddb's schema.
        name: the collection's.
        is_same: whether it is known to be as its table is, so that there is time.
    """
    connection.execute(
        query("reconcile.request", **_names(schema)), {"name": name, "is_same": is_same}
    )


def is_drained(
    connection: Connection, schema: str, collections: Sequence[int], seconds: float
) -> bool:
    """Return whether nothing is left to do for collections, as one snapshot shows it.

    Args:
        connection: where to read.
        schema: embeddb's schema.
        collections: the ids of those in question.
        seconds: as `due` takes them.
    """
    names = _names(schema)
    statement = query("reconcile.drained", due=query("reconcile.due", **names), **names)
    values = {"collections": list(collections), "seconds": seconds}
    row = connection.execute(statement, values).fetchone()
    return row is not None and bool(row[0])


def due(
    connection: Connection, schema: str, collections: Sequence[int], seconds: float
) -> set[int]:
    """Return the ids of those collections that are to be compared with their tables now.

    Args:
        connection: where to read.
        schema: embeddb's schema.
        collections: the ids of those in question.
        seconds: how long after the end of one comparison the next is due; negative: only those
            that were asked for.
    """
    values = {"collections": list(collections), "seconds": seconds}
    rows = connection.execute(query("reconcile.due", **_names(schema)), values).fetchall()
    return {row[0] for row in rows}


def _names(schema: str) -> dict[str, sql.Composable]:
    tables = ("collections", "reconciliations", "backfills", "jobs", "failed_jobs")
    return {name: Name(schema, name) for name in tables}
