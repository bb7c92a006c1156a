"""How an attached collection is: what waits and fails, and what became of its source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, query
from embeddb.repository.attached.binding import changed_key
from embeddb.schema.attached import SourceTable
from embeddb.schema.attached_ddl import EVENTS, source_of, trigger_name
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.dependency_ddl import trigger_names


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncStatus:
    """What is waiting and going on in a collection; None where that is not known.

    Attributes:
        source: the table.
        pending: rows that wait to be encoded; hidden, as much else, from those from whom rows
            may be hidden.
        oldest_pending_seconds: how long the first of them has waited.
        failed: rows that were given up.
        last_error: the latest error of either.
        workers: those that were seen in the last minute.
        per_minute: rows that they finish in one.
        backfill_done: rows that were there before and are in the queue or through it.
        backfill_total: of so many.
        backfill_finished_at: None while it goes on, or has not begun.
        paused_at: since when workers leave the queue alone; None: they do not.
    """

    source: str
    pending: int | None
    oldest_pending_seconds: float | None
    failed: int | None
    last_error: str | None
    workers: int
    per_minute: float | None
    backfill_done: int | None
    backfill_total: int | None
    backfill_finished_at: datetime | None
    paused_at: datetime | None


@dataclass(frozen=True, slots=True)
class SourceFault:
    """Something that became of a source since it was attached.

    Attributes:
        kind: `table`, `column`, `key`, `view`, `trigger` or `security`.
        message: what it is, as a sentence.
    """

    kind: str
    message: str


class AttachedHealth:
    """Looks at one attached collection, and changes nothing."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        self._database = database
        self._record = record
        self._source = source_of(record)

    def status(self) -> SyncStatus:
        """Return what is waiting and going on."""
        view = Name(self._database.schema, "status")
        with self._database.connection() as connection:
            row = connection.execute(
                query("attached.status", status=view), {"name": self._record.name}
            ).fetchone()
        assert row is not None
        names = SyncStatus.__slots__
        return SyncStatus(**dict(zip(names, row, strict=True)))

    def faults(self) -> list[SourceFault]:
        """Return what became of the source."""
        with self._database.connection() as connection:
            return self._faults(connection)

    def _faults(self, connection: Connection) -> list[SourceFault]:
        found = []
        if not self._has_view(connection):
            message = (
                f"View {self._record.name} is gone, as after DROP … CASCADE: nothing is found."
            )
            found.append(SourceFault("view", message))
        names = {trigger_name(self._record.name, event) for event in EVENTS}
        found += self._faults_of(connection, self._source, names)
        for number, one in enumerate(self._source.tables_read[1:]):
            names = trigger_names(self._record.name, number)
            found += self._faults_of(connection, one, names, is_source=False)
        return found

    def _faults_of(
        self,
        connection: Connection,
        source: SourceTable,
        triggers: set[str],
        *,
        is_source: bool = True,
    ) -> list[SourceFault]:
        """Return what became of one table: the source, or another that its text is read from."""
        place = source.table_text
        named = {"schema": source.schema, "table": source.table}
        row = connection.execute(query("attached.source"), named).fetchone()
        if row is None:
            return [SourceFault("table", f"Table {place} is gone, or has another name now.")]
        found = []
        oid, row_security, columns = row
        expected = (*(key.name for key in source.keys), *source.columns)
        for name in dict.fromkeys(expected):
            if name not in columns:
                message = f"Column {name} of {place} is gone, or has another name now."
                found.append(SourceFault("column", message))
        changed = changed_key(connection, self._record) if is_source else None
        if changed is not None:
            found.append(SourceFault("key", changed))
        if is_source and row_security != source.row_security:
            message = f"Row-level security of {place} was turned on since: chunks are not hidden."
            if source.row_security:
                message = f"Row-level security of {place} was turned off since."
            found.append(SourceFault("security", message))
        return found + self._missing_triggers(connection, oid, triggers)

    def _missing_triggers(
        self, connection: Connection, oid: int, expected: set[str]
    ) -> list[SourceFault]:
        found = []
        for schema, name, *_ in connection.execute(query("attach.followed"), {"oid": oid}):
            named = {"schema": schema, "table": name}
            rows = connection.execute(query("attached.triggers"), named).fetchall()
            missing = sorted(expected - {row[0] for row in rows})
            if missing:
                message = (
                    f"Changes of {schema}.{name} are not followed: missing or disabled are "
                    f"{', '.join(missing)}."
                )
                found.append(SourceFault("trigger", message))
        return found

    def _has_view(self, connection: Connection) -> bool:
        tables = self._record.tables
        row = connection.execute(
            query("collections.exists"),
            {"schema": tables.schema, "name": tables.documents_name},
        ).fetchone()
        return bool(row and row[0])
