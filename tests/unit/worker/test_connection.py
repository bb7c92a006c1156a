"""A connection to a server that is not there, and work that has to be repeated."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from threading import Event, Timer

import pytest

from embeddb.db.database import Connection, Database
from embeddb.db.pooled import PooledDatabase
from embeddb.errors import DatabaseUnavailableError
from embeddb.worker.connection import ReconnectingConnection, StoppedError


@pytest.fixture
def nobody() -> Iterator[Database]:
    """A database on a port at which nobody listens: it is bound, so nobody else takes it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        yield PooledDatabase(f"postgresql://nobody@127.0.0.1:{port}/none")


def never(connection: Connection) -> None:
    raise AssertionError("there is no connection to work on")


def test_a_server_that_stays_away_is_waited_for_no_longer_than_said(nobody: Database) -> None:
    connection = ReconnectingConnection(nobody, Event(), patience_seconds=0.2)
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailableError):
        connection.run(never)
    assert 0.2 < time.monotonic() - started < 10
    assert connection.lost_since is not None


def test_a_worker_that_is_to_stop_does_not_wait_for_the_server(nobody: Database) -> None:
    stopping = Event()
    connection = ReconnectingConnection(nobody, stopping)
    timer = Timer(0.2, stopping.set)
    timer.start()
    with pytest.raises(StoppedError):
        connection.run(never)
    timer.join()
