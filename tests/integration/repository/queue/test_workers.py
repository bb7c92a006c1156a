"""The workers of a database, as each reports itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import embeddb
from embeddb.repository.queue.workers import SILENCE_SECONDS, Workers, WorkerStatus
from tests.support.postgres import rows

STATUS = WorkerStatus(
    id=uuid4(),
    host="here",
    pid=1,
    version="0.1.0",
    started_at=datetime.now(UTC) - timedelta(seconds=100),
    collections=("docs",),
    processed=5,
    failed=1,
    wasted=0,
    rates={"docs": 2.5},
)


def test_a_worker_reports_itself_again_and_again_and_is_removed(store: embeddb.Store) -> None:
    workers = Workers(store.database)
    status = replace(STATUS, started_at=datetime.now(UTC) - timedelta(seconds=100))
    with store.database.open() as connection:
        workers.report(connection, status)
        workers.report(connection, replace(status, processed=7, rates={"docs": 3.0}))
        (info,) = workers.all()
        assert (info.id, info.host, info.collections) == (STATUS.id, "here", ("docs",))
        assert (info.processed, info.failed, info.rates) == (7, 1, {"docs": 3.0})
        assert 99 < info.up_seconds < 200
        assert 0 <= info.silent_seconds < 60
        workers.remove(connection, STATUS.id)
    assert workers.all() == []


def test_a_worker_that_was_killed_is_removed_by_another(store: embeddb.Store) -> None:
    workers = Workers(store.database)
    silence = f"seen_at = seen_at - interval '{SILENCE_SECONDS} s'"
    with store.database.open() as connection:
        workers.report(connection, STATUS)
        rows(store.url, f"UPDATE embeddb.workers SET {silence} + interval '60 s'")
        other = replace(STATUS, id=uuid4(), started_at=datetime.now(UTC), collections=None)
        workers.report(connection, other)
        assert [info.id for info in workers.all()] == [STATUS.id, other.id]
        rows(store.url, f"UPDATE embeddb.workers SET {silence} WHERE host = 'here' AND pid = 1")
        workers.report(connection, other)
    (info,) = workers.all()
    assert (info.id, info.collections) == (other.id, None)
