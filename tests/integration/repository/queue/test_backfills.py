"""Existing rows on their way into the queue: one worker at a time, and no application held up."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors as pg

import embeddb
from embeddb.db.database import Connection
from embeddb.repository.queue import backfills
from embeddb.repository.queue.backfills import Backfills
from embeddb.schema.catalog import CollectionRecord
from tests.support.attaching import articles, attach
from tests.support.postgres import one, rows

LOCK_TIMEOUT_MS = 50
STATE = "SELECT total, done, last_key, finished_at IS NOT NULL FROM embeddb.backfills"


@pytest.fixture
def record(store: embeddb.Store) -> CollectionRecord:
    """A collection of a table of three rows, none of them in the queue yet."""
    articles(store.url, 3)
    return attach(store).record


@pytest.fixture
def connection(store: embeddb.Store) -> Iterator[Connection]:
    with store.database.open() as opened:
        opened.execute("SET lock_timeout = '5s'")  # whoever waits for another fails
        yield opened


@pytest.fixture
def id(store: embeddb.Store, record: CollectionRecord) -> int:
    return int(one(store.url, "SELECT id FROM embeddb.collections"))


def test_pages_are_enqueued_until_the_end(
    store: embeddb.Store, record: CollectionRecord, connection: Connection, id: int
) -> None:
    found = Backfills(store.database)
    assert found.unfinished(connection, [id, id + 1]) == {id}
    with connection.transaction():
        assert found.hold(connection, id) == (None,)
        found.begin(connection, id, record)
        found.advance(
            connection,
            id,
            ["1", "2"],
            ["2"],
            finished=False,
            lock_timeout_ms=LOCK_TIMEOUT_MS,
        )
    assert rows(store.url, STATE) == [(3, 2, ["2"], False)]
    with connection.transaction():
        assert found.hold(connection, id) == (["2"],)
        found.advance(
            connection, id, ["3", "4"], ["4"], finished=True, lock_timeout_ms=LOCK_TIMEOUT_MS
        )
    assert rows(store.url, STATE) == [(4, 4, ["4"], True)]
    assert found.unfinished(connection, [id]) == set()
    assert found.hold(connection, id) is None
    assert one(store.url, "SELECT count(*) FROM embeddb.jobs") == 4


def test_only_one_worker_enqueues_a_page_at_a_time(
    store: embeddb.Store, connection: Connection, id: int
) -> None:
    found = Backfills(store.database)
    with store.database.open() as other, other.transaction():
        assert found.hold(other, id) == (None,)
        with connection.transaction():
            assert found.hold(connection, id) is None


def test_a_row_that_an_open_transaction_changed_delays_its_page_alone(
    store: embeddb.Store, connection: Connection, id: int
) -> None:
    found = Backfills(store.database)
    with psycopg.connect(store.url) as application:
        application.execute("UPDATE articles SET body = 'changed' WHERE id = 2")
        with pytest.raises(pg.LockNotAvailable), connection.transaction():
            found.hold(connection, id)
            found.advance(
                connection,
                id,
                ["1", "2", "3"],
                ["3"],
                finished=True,
                lock_timeout_ms=LOCK_TIMEOUT_MS,
            )
        assert rows(store.url, STATE) == [(None, 0, None, False)]
        application.commit()
    assert one(store.url, "SELECT count(*) FROM embeddb.jobs") == 1


def test_a_row_that_is_in_the_queue_keeps_its_job(
    store: embeddb.Store, connection: Connection, id: int
) -> None:
    rows(store.url, "UPDATE articles SET body = body || '!' WHERE id = 2")
    rows(store.url, "UPDATE articles SET body = body || '!' WHERE id = 2")
    found = Backfills(store.database)
    with connection.transaction():
        found.hold(connection, id)
        found.advance(
            connection,
            id,
            ["1", "2", "3"],
            ["3"],
            finished=True,
            lock_timeout_ms=LOCK_TIMEOUT_MS,
        )
    jobs = rows(store.url, "SELECT key, version FROM embeddb.jobs ORDER BY key")
    assert jobs == [("1", 1), ("2", 2), ("3", 1)]


def test_the_rows_of_a_large_table_are_estimated(
    store: embeddb.Store,
    record: CollectionRecord,
    connection: Connection,
    id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backfills, "EXACT_ROWS", 2)
    rows(store.url, "ANALYZE articles")
    rows(store.url, "INSERT INTO articles (id, title) SELECT n, 't' FROM generate_series(4, 9) n")
    with connection.transaction():
        Backfills(store.database).begin(connection, id, record)
    assert one(store.url, "SELECT total FROM embeddb.backfills") == 3
