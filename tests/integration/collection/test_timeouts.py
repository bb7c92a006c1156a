"""Searches that may take only so long, and what that leaves on a session."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest
from psycopg_pool import ConnectionPool

import embeddb
from embeddb.errors import ConfigurationError, DatabaseError, QueryTimeoutError
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, session


@pytest.fixture
def notes(store: embeddb.Store) -> embeddb.Collection:
    """A collection of two documents."""
    notes = store.create_collection("notes", model=HashEncoder(), index=None)
    notes.add([{"id": "a", "content": "green tea"}, {"id": "b", "content": "old oaks"}])
    return notes


@pytest.mark.parametrize("own", ["0", "60s"])
def test_a_search_ends_in_time(notes: embeddb.Collection, database: str, own: str) -> None:
    with ConnectionPool(
        database, min_size=1, max_size=1, kwargs={"options": f"-c statement_timeout={own}"}
    ) as pool:
        mine = embeddb.connect(pool).collection("notes", encoder=HashEncoder())
        calls: list[Callable[[], object]] = [
            lambda: mine.search("tea", timeout=0.2),
            lambda: mine.search(HashEncoder().encode(["tea"])[0], timeout=0.2),
        ]
        with session(database) as other, other.transaction():
            other.execute("LOCK TABLE embeddb.notes")
            for call in calls:
                with pytest.raises(QueryTimeoutError, match="Allow more"):
                    call()
        assert mine.search("green tea", timeout=30)[0].id == "a"
        assert mine.similar("a", timeout=30)[0].id == "b"
        with pool.connection() as connection:
            setting = connection.execute("SHOW statement_timeout").fetchone()
        assert setting == ("0" if own == "0" else "1min",)


def test_the_applications_own_timeout_is_never_raised(
    notes: embeddb.Collection, database: str
) -> None:
    options = {"options": "-c statement_timeout=200"}
    with ConnectionPool(database, min_size=1, max_size=1, kwargs=options) as pool:
        mine = embeddb.connect(pool).collection("notes", encoder=HashEncoder())
        calls: list[Callable[[], object]] = [
            lambda: mine.search("tea", timeout=60),
            lambda: mine.search("tea"),
            lambda: mine.search_many(["tea"]),
            lambda: mine.similar("a"),
            mine.count,
            lambda: mine.get(["a"]),
            lambda: mine.delete(ids=["a"]),
        ]
        with session(database) as other, other.transaction():
            other.execute("LOCK TABLE embeddb.notes, embeddb.notes_g1")
            for call in calls:
                with pytest.raises(QueryTimeoutError):
                    call()


def test_a_search_that_somebody_cancels_has_not_run_out_of_time(
    notes: embeddb.Collection, database: str
) -> None:
    caught: list[BaseException] = []

    def search() -> None:
        try:
            notes.search("tea", timeout=60)
        except DatabaseError as error:
            caught.append(error)

    waiting = (
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with session(database) as other, other.transaction():
        other.execute("LOCK TABLE embeddb.notes")
        thread = threading.Thread(target=search)
        thread.start()
        while not one_or_none(database, waiting):
            pass
        thread.join()
    assert [type(error) for error in caught] == [DatabaseError]


def one_or_none(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchone()


def test_encoding_takes_of_the_time(store: embeddb.Store) -> None:
    notes = store.create_collection("notes", model=HashEncoder(), index=None)
    notes.add([{"id": "a", "content": "green tea"}])
    with pytest.raises(QueryTimeoutError, match="before Postgres was asked"):
        notes.search("green tea", timeout=1e-9)
    for wrong in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigurationError, match="timeout"):
            notes.search("green tea", timeout=wrong)
    assert one(store.url, "SELECT count(*) FROM embeddb.notes") == 1
