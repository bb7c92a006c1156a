"""A worker's connection when it is lost, and when Postgres ends a deadlock."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest
from psycopg import errors as pg

import embeddb
from embeddb.db.database import Connection
from embeddb.worker.connection import ReconnectingConnection
from tests.support.postgres import terminate


@pytest.fixture
def connection(store: embeddb.Store) -> Iterator[ReconnectingConnection]:
    made = ReconnectingConnection(store.database, Event(), patience_seconds=30)
    yield made
    made.close()


def backend(connection: Connection) -> int:
    return connection.info.backend_pid


def test_one_session_is_kept_and_arguments_are_passed_on(
    connection: ReconnectingConnection,
) -> None:
    def work(opened: Connection, number: int, *, name: str) -> tuple[int, int, str]:
        return opened.info.backend_pid, number, name

    first = connection.run(work, 1, name="one")
    assert first[1:] == (1, "one")
    assert connection.run(work, 2, name="two")[0] == first[0]


def test_work_on_a_lost_connection_is_done_on_another(
    store: embeddb.Store, connection: ReconnectingConnection
) -> None:
    before = connection.run(backend)
    seen: list[int] = []

    def work(opened: Connection) -> int:
        seen.append(opened.info.backend_pid)
        if len(seen) == 1:
            assert terminate(store.url) == 1
        opened.execute("SELECT 1")
        return seen[-1]

    after = connection.run(work)
    assert seen == [before, after]
    assert before != after
    assert connection.lost_since is None


def test_what_may_work_the_next_time_is_tried_again(connection: ReconnectingConnection) -> None:
    seen: list[int] = []

    def work(opened: Connection) -> int:
        seen.append(opened.info.backend_pid)
        if len(seen) < 3:
            raise pg.DeadlockDetected
        return len(seen)

    assert connection.run(work) == 3
    assert len(set(seen)) == 1


def test_any_other_error_is_the_caller_s(connection: ReconnectingConnection) -> None:
    before = connection.run(backend)

    def work(opened: Connection) -> None:
        opened.execute("SELECT 1 / 0")

    with pytest.raises(pg.DivisionByZero):
        connection.run(work)
    assert connection.run(backend) == before
