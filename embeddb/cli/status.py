"""`embeddb status`: what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embeddb.cli.common.opening import is_embedded, opened_store
from embeddb.cli.common.options import AsJson, Dsn, Schema
from embeddb.cli.common.output import emit, facts, out, say, table
from embeddb.cli.describe import model_label, storage_label
from embeddb.diagnostics.describe import describe
from embeddb.diagnostics.units import postgres_version, size

if TYPE_CHECKING:
    from embeddb.repository.attached.health import SyncStatus
    from embeddb.repository.queue.workers import WorkerInfo
    from embeddb.store import Store

COLUMNS = ("collection", "documents", "chunks", "model", "storage", "index", "size")
WAITING = ("waiting", "failed")
WORKER_COLUMNS = ("worker", "collections", "per minute", "done", "failed", "wasted", "seen")
NUMBERS = ("documents", "chunks", "size", *WAITING)


def status(dsn: Dsn = None, schema: Schema = None, as_json: AsJson = False) -> None:
    """Show the server and every collection: documents, model, storage, index, sizes, what waits."""
    from embeddb.repository.queue.workers import Workers

    with opened_store(dsn, schema) as store:
        server = _server(store, embedded=is_embedded(dsn))
        collections = [describe(store, collection) for collection in store.collections()]
        workers = Workers(store.database).all()
    if as_json:
        emit({"server": server, "collections": collections, "workers": workers})
        return
    out.print(facts((name, value) for name, value in server.items() if name != "embedded"))
    out.print()
    print_collections(collections)
    if workers:
        out.print()
        out.print(table(WORKER_COLUMNS, map(_worker, workers), right=WORKER_COLUMNS[2:]))


def print_collections(collections: list[dict[str, Any]]) -> None:
    """Print a line for each collection."""
    if not collections:
        say("There is no collection yet: embeddb ingest NAME PATH --model all-MiniLM-L6-v2")
        return
    if not any(data["source"] for data in collections):
        out.print(table(COLUMNS, map(_row, collections), right=NUMBERS))
        return
    rows = ((*_row(data), *_waiting(data["sync"])) for data in collections)
    out.print(table((*COLUMNS, *WAITING), rows, right=NUMBERS))
    for data in collections:
        for problem in data["problems"]:
            say(f"{data['name']}: {problem} embeddb doctor says more.")


def _waiting(sync: SyncStatus | None) -> tuple[str, str]:
    """Write what waits in a collection, and for how long; nothing ever does in one of our own."""
    if sync is None:
        return ("", "")
    if sync.pending is None or sync.failed is None:
        return ("not shown", "not shown")
    waiting = f"{sync.pending:,}"
    if sync.backfill_finished_at is None:
        waiting += " and more"
    if sync.oldest_pending_seconds is not None:
        waiting += f", {sync.oldest_pending_seconds:,.0f} s"
    return (waiting, f"{sync.failed:,}")


def _worker(info: WorkerInfo) -> tuple[object, ...]:
    """Write what a worker last told of itself."""
    return (
        f"{info.host}, {info.pid}",
        "all" if info.collections is None else ", ".join(info.collections),
        f"{sum(info.rates.values()):,.0f}",
        f"{info.processed:,}",
        f"{info.failed:,}",
        f"{info.wasted:,}",
        f"{info.silent_seconds:,.0f} s ago",
    )


def _row(data: dict[str, Any]) -> tuple[object, ...]:
    return (
        data["name"],
        "—" if data["documents"] is None else f"{data['documents']:,}",
        f"{data['chunks']:,}",
        model_label(data),
        storage_label(data),
        _index(data),
        size(data["table_bytes"] + data["index_bytes"]),
    )


def _index(data: dict[str, Any]) -> str:
    method = data["index"]["method"] if data["index"] else "exact"
    state = data["index_state"]
    return method if state == "none" else f"{method}, {state}"


def _server(store: Store, *, embedded: bool) -> dict[str, Any]:
    from embeddb.db.database import redact

    info = store.database.server
    return {
        "server": redact(store.url),
        "embedded": embedded,
        "postgres": postgres_version(info.version),
        "pgvector": info.pgvector,
        "schema": store.database.schema,
        "revision": info.migration,
    }
