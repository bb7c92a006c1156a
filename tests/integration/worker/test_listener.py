"""What a listener receives: payloads, silence, and that it may have missed some."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import embeddb
from embeddb.db.database import Connection
from embeddb.repository.queue.jobs import Jobs
from embeddb.worker.context import WorkerContext
from embeddb.worker.listener import Listener, job_listener
from embeddb.worker.models import Models
from embeddb.worker.options import WorkerOptions
from tests.support.postgres import rows, terminate


def context(store: embeddb.Store) -> WorkerContext:
    return WorkerContext(
        database=store.database,
        options=WorkerOptions(),
        jobs=Jobs(store.database),
        models=Models(store.database, store.encoders, {}),
    )


@contextmanager
def listening(shared: WorkerContext, listener: Listener) -> Iterator[None]:
    listener.start()
    try:
        yield
    finally:
        shared.stopping.set()
        listener.join()
        assert not listener.alive


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.01)


def test_jobs_wake_their_collections_and_a_lost_connection_wakes_all(store: embeddb.Store) -> None:
    woken: list[set[int] | None] = []
    shared = context(store)
    with listening(shared, job_listener(shared, woken.append)):
        until(lambda: woken == [None])
        rows(store.url, "NOTIFY embeddb_jobs, '7'")
        until(lambda: woken == [None, {7}])
        rows(store.url, "NOTIFY embeddb_jobs, 'nonsense'; NOTIFY embeddb_other, '8'")
        assert terminate(store.url) == 1
        until(lambda: woken[-1] is None and len(woken) > 2)
        rows(store.url, "NOTIFY embeddb_jobs, '9'")
        until(lambda: {9} in woken)
    assert {8} not in woken


def test_a_listener_that_fails_stops_the_worker(store: embeddb.Store) -> None:
    def receive(connection: Connection, payloads: list[str] | None) -> None:
        raise ValueError("a request that nobody caught")

    shared = context(store)
    with listening(shared, Listener(shared, "test", shared.jobs.listen, receive)):
        until(shared.stopping.is_set)
    assert isinstance(shared.error, ValueError)
