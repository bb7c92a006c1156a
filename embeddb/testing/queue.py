"""Rows that are written are embedded before a test goes on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from threading import Timer

from embeddb.errors import NotEmbeddedError, RowsFailedError
from embeddb.repository.queue.jobs import FailedJob
from embeddb.store import Store
from embeddb.worker import Worker, WorkerOptions, WorkerReport

RETRY_SECONDS = 0.01
ATTEMPTS = 2
POLL_SECONDS = 0.05
SHOWN = 5
MOST_JOBS = 1_000_000


def drain(
    store: Store, collections: Sequence[str] | None = None, timeout: float = 60.0
) -> WorkerReport:
    """Embed what waits, in this process, and return what was done.

    A row that fails is tried once more at once, and not later.

    Args:
        store: an open store.
        collections: the names of attached collections; None: all of them.
        timeout: how many seconds it may take.

    Raises:
        RowsFailedError: rows could not be embedded; its `failed` has them.
        NotEmbeddedError: rows still wait, after the timeout or because a model is missing.
        CollectionNotFoundError: there is no attached collection of such a name.
    """
    names = None if collections is None else tuple(collections)
    options = WorkerOptions(
        once=True,
        collections=names,
        max_attempts=ATTEMPTS,
        retry_seconds=RETRY_SECONDS,
        longest_pause_seconds=RETRY_SECONDS,
    )
    worker = Worker(store, options)
    timer = Timer(timeout, worker.stop)
    timer.daemon = True
    timer.start()
    try:
        report = worker.run()
    finally:
        timer.cancel()
    _check_failed(store, names)
    reasons = "".join(f"\n{name}: {why}" for name, why in report.problems.items())
    left = _waiting(store, names)
    if left or reasons:
        raise NotEmbeddedError(f"Not embedded after {timeout:g} s: {_shown(left)}.{reasons}")
    return report


def wait_until_embedded(
    store: Store, collection: str, keys: Iterable[object] | None = None, timeout: float = 60.0
) -> None:
    """Wait until a worker that runs elsewhere has embedded rows of an attached collection.

    Args:
        store: an open store.
        collection: its name.
        keys: the rows' primary keys, as embeddb writes them; None: every row.
        timeout: how many seconds to wait.

    Raises:
        NotEmbeddedError: rows still wait; its message names them.
        RowsFailedError: the worker gave rows up.
        CollectionNotFoundError: there is none of that name.
    """
    wanted = None if keys is None else set(map(str, keys))
    until = time.monotonic() + timeout
    while True:
        _check_failed(store, (collection,), wanted)
        left = _waiting(store, (collection,), wanted)
        if not left:
            return
        if time.monotonic() >= until:
            raise NotEmbeddedError(
                f"Not embedded after {timeout:g} s: {_shown(left)}. Does a worker run? "
                "`embeddb status` shows it."
            )
        time.sleep(POLL_SECONDS)


def _waiting(store: Store, names: Sequence[str] | None, keys: set[str] | None = None) -> list[str]:
    """Return what still waits, as `collection key` or as a number of rows not yet in the queue."""
    left = []
    for counts in store.jobs.counts():
        if names is not None and counts.name not in names:
            continue
        if not counts.backfill_finished:
            left.append(f"rows of {counts.name} that are not in the queue yet")
        if counts.pending:
            queued = store.jobs.queued(counts.name, MOST_JOBS)
            left += [f"{job.collection} {job.key}" for job in queued if _is_of(job.key, keys)]
    return left


def _check_failed(store: Store, names: Sequence[str] | None, keys: set[str] | None = None) -> None:
    chosen: Sequence[str | None] = [None] if names is None else names
    for name in chosen:
        found = [job for job in store.jobs.failed(name, MOST_JOBS) if _is_of(job.key, keys)]
        if found:
            raise _rows_failed(found)


def _rows_failed(found: Sequence[FailedJob]) -> RowsFailedError:
    lines = [f"{job.collection} {job.key}: {job.error}: {job.message}" for job in found]
    error = RowsFailedError(f"Rows could not be embedded: {_shown(lines)}")
    error.failed = list(found)
    return error


def _is_of(key: str, keys: set[str] | None) -> bool:
    return keys is None or key in keys


def _shown(lines: Sequence[str]) -> str:
    more = f", and {len(lines) - SHOWN:,} more" if len(lines) > SHOWN else ""
    return (", ".join(lines[:SHOWN]) or "something") + more
