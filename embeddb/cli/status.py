"""`embeddb status`: what there is in a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.output import facts, out, record_fields, say, table
from embeddb.cli.describe import model_label, storage_label
from embeddb.diagnostics.units import size

if TYPE_CHECKING:
    from embeddb.diagnostics.describe import CollectionStatus
    from embeddb.diagnostics.status import StoreStatus
    from embeddb.repository.attached.health import SyncStatus
    from embeddb.repository.queue.workers import WorkerInfo

COLUMNS = ("collection", "documents", "chunks", "model", "storage", "index", "size")
WAITING = ("waiting", "failed")
WORKER_COLUMNS = ("worker", "collections", "per minute", "done", "failed", "wasted", "seen")
LEAST = ("storage", "index", "size", "model")
"""What a short line has no room for first."""

NUMBERS = ("documents", "chunks", "size", *WAITING)


@with_groups
def status(*, ctx: CommandContext) -> None:
    """Show the server, every collection and the workers.

    Of each collection it shows the documents, chunks, model, storage, index and size; of an
    attached one also how many rows are waiting and since when, how many failed, and what is wrong
    with its table. Of each worker it shows the rows it encodes per minute, the rows done, failed
    and encoded in vain, and when it last reported. `--json` adds the progress of the backfill,
    the first pass over the existing rows of a table. What is not known is null.
    """
    with ctx.store() as store:
        found = store.status()
    ctx.print(found, _print)


def print_collections(collections: Sequence[CollectionStatus]) -> None:
    """Print a line for each collection."""
    if not collections:
        say(
            "There is no collection yet. Make one: "
            "embeddb ingest NAME PATH --model all-MiniLM-L6-v2"
        )
        return
    if not any(found.source for found in collections):
        out.print(table(COLUMNS, map(_row, collections), right=NUMBERS, clip="model", drop=LEAST))
        return
    rows = ((*_row(found), *_waiting(found.sync)) for found in collections)
    out.print(table((*COLUMNS, *WAITING), rows, right=NUMBERS, clip="model", drop=LEAST))
    for found in collections:
        for problem in found.problems:
            say(f"{found.name}: {problem} embeddb doctor says what to do.")


def _print(found: StoreStatus) -> None:
    server = record_fields(found.server)
    out.print(facts((name, value) for name, value in server.items() if name != "embedded"))
    out.print()
    print_collections(found.collections)
    if found.workers:
        out.print()
        numbers = WORKER_COLUMNS[2:]
        rows = map(_worker, found.workers)
        out.print(
            table(WORKER_COLUMNS, rows, right=numbers, clip="collections", drop=("wasted", "done"))
        )


def _row(found: CollectionStatus) -> tuple[object, ...]:
    return (
        found.name,
        "—" if found.documents is None else f"{found.documents:,}",
        f"{found.chunks:,}",
        model_label(found),
        storage_label(found),
        _index(found),
        size(found.table_bytes + found.index_bytes),
    )


def _index(found: CollectionStatus) -> str:
    method = found.index["method"] if found.index else "exact"
    return method if found.index_state == "none" else f"{method}, {found.index_state}"


def _waiting(sync: SyncStatus | None) -> tuple[str, str]:
    """Return how many rows wait and fail; nothing ever waits for documents of embeddb's own."""
    if sync is None:
        return ("", "")
    if sync.pending is None or sync.failed is None:
        return ("not shown", "not shown")
    waiting = f"{sync.pending:,}"
    if sync.paused_at is not None:
        waiting += ", paused"
    if sync.backfill_finished_at is None:
        waiting += " and more"
    if sync.oldest_pending_seconds is not None:
        waiting += f", {sync.oldest_pending_seconds:,.0f} s"
    return (waiting, f"{sync.failed:,}")


def _worker(info: WorkerInfo) -> tuple[object, ...]:
    return (
        f"{info.host}, {info.pid}",
        "all" if info.collections is None else ", ".join(info.collections),
        f"{sum(info.rates.values()):,.0f}",
        f"{info.processed:,}",
        f"{info.failed:,}",
        f"{info.wasted:,}",
        f"{info.silent_seconds:,.0f} s ago",
    )
