"""What `embeddb doctor` looks at in a collection that is attached: its source, its queue."""

from __future__ import annotations

from collections.abc import Iterator

from embeddb.collection import Collection
from embeddb.diagnostics.findings import Finding, Level
from embeddb.repository.attached.health import AttachedHealth, SyncStatus
from embeddb.store import Store


def check_attached(store: Store, collection: Collection) -> Iterator[Finding]:
    """Compare a source with what was attached, and look at what waits."""
    health = AttachedHealth(store.database, collection.record)
    name = collection.name
    for fault in health.faults():
        # security that was turned off hides chunks that need not be hidden, which harms nobody
        level: Level = "warn" if fault.kind == "security" and _is_hiding(collection) else "fail"
        yield Finding(level, name, fault.message, remedy(collection))
    yield from _waiting(name, health.status())


def _is_hiding(collection: Collection) -> bool:
    source = collection.record.source
    return source is not None and source.row_security


def is_readable(store: Store, collection: Collection) -> bool:
    """Say whether a collection's documents can be read at all."""
    faults = AttachedHealth(store.database, collection.record).faults()
    return not any(fault.kind == "view" for fault in faults)


def remedy(collection: Collection) -> str:
    """Say how to attach anew, or to give it up."""
    source = collection.record.source
    assert source is not None
    return (
        f"embeddb attach {source.table_text} --name '{collection.name}' --exist-ok … makes "
        f"everything anew, with the names as they are now; embeddb detach '{collection.name}' "
        "gives it up."
    )


def _waiting(name: str, status: SyncStatus) -> Iterator[Finding]:
    if status.pending is None:
        yield Finding("ok", name, "what waits is shown to workers and owners alone")
        return
    if status.failed:
        message = f"{status.failed:,} rows could not be encoded; the last error: "
        yield Finding("warn", name, message + str(status.last_error), "embeddb jobs failed")
    is_waiting = status.pending or status.backfill_finished_at is None
    if is_waiting and not status.workers:
        message = f"{status.pending:,} rows wait"
        if status.oldest_pending_seconds is not None:
            message += f", the first of them for {status.oldest_pending_seconds:,.0f} s"
        if status.backfill_finished_at is None:
            message += ", and rows that were there before are not all looked at"
        yield Finding("warn", name, message + "; no worker runs.", "embeddb worker")
    elif status.pending:
        yield Finding("ok", name, f"{status.pending:,} rows wait; {status.workers} workers run")
