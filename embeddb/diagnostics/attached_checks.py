"""The doctor's checks of an attached collection: its source table, and its queue."""

from __future__ import annotations

from collections.abc import Iterator

from embeddb.db.database import Database
from embeddb.diagnostics.findings import Finding, Level
from embeddb.errors import EmbedDBError
from embeddb.repository.attached.health import AttachedHealth, SyncStatus
from embeddb.repository.attached.reconcile import Reconciler
from embeddb.schema.catalog import CollectionRecord


def check_attached(database: Database, record: CollectionRecord) -> Iterator[Finding]:
    """Yield how the source table differs from what was attached, and what waits in the queue."""
    health = AttachedHealth(database, record)
    for fault in health.faults():
        # row security that was turned off only hides chunks that nobody need hide any more
        level: Level = "warn" if fault.kind == "security" and _hides_rows(record) else "fail"
        yield Finding(level, record.name, fault.message, _remedy(record))
    status = health.status()
    yield from _queue(record.name, status)
    if status.pending is not None and status.backfill_finished_at is not None:
        yield from _differing(database, record)


def _differing(database: Database, record: CollectionRecord) -> Iterator[Finding]:
    """Yield what a sample shows of changes that no trigger noticed."""
    try:
        with database.connection() as connection:
            orphans, missing = Reconciler(database, record).sample(connection)
    except EmbedDBError:
        return  # a fault of the source, which is a finding already
    remedy = f"embeddb repair '{record.name}'"
    if orphans:
        message = f"Chunks of rows that are gone: {orphans:,} documents of a sample."
        yield Finding("fail", record.name, message, remedy)
    if missing:
        message = f"Rows without chunks that no worker knows of: {missing:,} of a sample."
        yield Finding("fail", record.name, message, remedy)


def is_readable(database: Database, record: CollectionRecord) -> bool:
    """Return whether the documents of an attached collection can be read at all."""
    faults = AttachedHealth(database, record).faults()
    return not any(fault.kind == "view" for fault in faults)


def _hides_rows(record: CollectionRecord) -> bool:
    return record.source is not None and record.source.row_security


def _remedy(record: CollectionRecord) -> str:
    assert record.source is not None
    return (
        "Attach the table again, with the names that it has now: "
        f"embeddb attach {record.source.table_text} --name '{record.name}' --exist-ok …. "
        f"Or give the collection up: embeddb detach '{record.name}'"
    )


def _queue(name: str, status: SyncStatus) -> Iterator[Finding]:
    if status.pending is None:
        yield Finding("ok", name, "only workers and owners can see what is waiting")
        return
    if status.paused_at is not None:
        message = f"Workers leave the collection alone; {status.pending:,} rows are waiting."
        yield Finding("warn", name, message, f"embeddb resume '{name}'")
        return
    if status.failed:
        message = f"{status.failed:,} rows could not be encoded. The last error: "
        yield Finding("warn", name, message + str(status.last_error), "embeddb jobs failed")
    is_waiting = status.pending or status.backfill_finished_at is None
    if is_waiting and not status.workers:
        message = f"{status.pending:,} rows are waiting"
        if status.oldest_pending_seconds is not None:
            message += f", the oldest for {status.oldest_pending_seconds:,.0f} s"
        if status.backfill_finished_at is None:
            message += ", and not all existing rows are in the queue yet"
        yield Finding("warn", name, message + ". No worker is running.", "embeddb worker")
    elif status.pending:
        message = f"{status.pending:,} rows are waiting; {status.workers} workers are running"
        yield Finding("ok", name, message)
