"""Connections that end in the middle of something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg import sql

import embeddb
from embeddb.errors import DatabaseUnavailableError
from tests.support.encoders import HashEncoder
from tests.support.faults import GatedEncoder
from tests.support.postgres import check_chunks, one, rows, session, stored_chunks, terminate

SOURCE = [
    {"id": f"d{i}", "content": f"text {i}", "metadata": {"n": i}, "uri": str(i)}
    for i in range(6000)
]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embeddb.pipeline.ingest.write.RETRY_SECONDS", (0.05,) * 5)


@contextmanager
def _closed(url: str, server_url: str) -> Iterator[None]:
    """Let nobody into the database, and throw everybody out."""
    name = sql.Identifier(one(url, "SELECT current_database()"))
    with session(server_url) as connection:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        connection.execute(allow.format(name, sql.SQL("false")))
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [name.as_string().strip('"')],
        )
        try:
            yield
        finally:
            connection.execute(allow.format(name, sql.SQL("true")))


def test_a_first_ingest_goes_on_after_its_sessions_were_ended(store: embeddb.Store) -> None:
    ended: list[int] = []

    def before(call: int) -> None:
        if call in (3, 9, 15):
            ended.append(terminate(store.url))

    docs = store.create_collection("docs", model=GatedEncoder(before))
    report = docs.ingest(SOURCE)
    assert sum(ended) >= 3
    assert (report.added, report.failed) == (6000, 0)
    check_chunks(store.url, "docs")
    assert {info.method for info in docs.indexes() if info.valid} == {"gin", "hnsw"}


def test_an_update_goes_on_after_its_sessions_were_ended(store: embeddb.Store) -> None:
    ended: list[int] = []

    def before(call: int) -> None:
        if call > 9 and call % 3 == 0:
            ended.append(terminate(store.url))

    docs = store.create_collection("docs", model=GatedEncoder(before))
    docs.ingest(SOURCE[:2000])
    changed = [document | {"content": f"new {document['content']}"} for document in SOURCE[:2000]]
    report = docs.ingest(changed)
    assert sum(ended) > 2
    assert (report.updated, report.failed) == (2000, 0)
    check_chunks(store.url, "docs")
    other = store.create_collection("other", model=HashEncoder())
    other.ingest(changed)
    assert stored_chunks(store.url, "docs") == stored_chunks(store.url, "other")


def test_a_search_after_the_sessions_were_ended_finds(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest(SOURCE[:10])
    for _ in range(3):
        assert terminate(store.url) > 0
        assert docs.search("text 7", 1)[0].id == "d7"


def test_a_server_that_stays_away_is_a_typed_error_and_nothing_is_half_written(
    store: embeddb.Store, server_url: str
) -> None:
    away = _closed(store.url, server_url)

    def before(call: int) -> None:
        if call == 9:
            away.__enter__()

    docs = store.create_collection("docs", model=GatedEncoder(before))
    with pytest.raises(DatabaseUnavailableError):
        docs.ingest(SOURCE)
    away.__exit__(None, None, None)
    kept = one(store.url, "SELECT count(*) FROM embeddb.docs")
    assert 0 < kept < 6000
    check_chunks(store.url, "docs")
    report = store.collection("docs", encoder=HashEncoder()).ingest(SOURCE)
    assert (report.added, report.unchanged) == (6000 - kept, kept)
    check_chunks(store.url, "docs")


def test_what_add_was_writing_is_gone_with_its_connection(
    store: embeddb.Store, server_url: str
) -> None:
    away = _closed(store.url, server_url)
    docs = store.create_collection("docs", model=GatedEncoder(lambda call: away.__enter__()))
    with pytest.raises(DatabaseUnavailableError):
        docs.add(SOURCE[:100])
    away.__exit__(None, None, None)
    assert rows(store.url, "SELECT FROM embeddb.docs") == []
    assert rows(store.url, "SELECT FROM embeddb.docs_g1") == []
