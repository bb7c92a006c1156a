"""Many queries at once are answered as one by one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from psycopg_pool import ConnectionPool

import embeddb
from embeddb import HNSW, Collection
from embeddb.db.database import Connection
from embeddb.db.parallel import run_parallel
from embeddb.db.pooled import PooledDatabase
from embeddb.errors import DatabaseError, DatabaseUnavailableError, FilterError, InvalidVectorError
from embeddb.repository.search.searcher import PIPELINED
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, rows, terminate
from tests.support.vectors import as_documents, clustered

DIM = 16
_DRAWN = clustered(600 + 5 * PIPELINED, DIM, seed=31)
VECTORS, QUERIES = _DRAWN[:600], _DRAWN[600:]
CONNECTIONS = 3


@pytest.fixture
def docs(store: embeddb.Store) -> Collection:
    docs = store.create_collection("docs", model=None, dim=DIM, index=HNSW(ef_search=100))
    docs.add(as_documents(VECTORS))
    return docs


@pytest.mark.parametrize("number", [0, 1, PIPELINED, PIPELINED + 1, len(QUERIES)])
def test_the_hits_are_those_of_single_searches_in_their_order(
    docs: Collection, number: int
) -> None:
    queries = QUERIES[:number]
    for options in (
        {},
        {"limit": 3, "max_distance": 0.4},
        {"filter": {"even": True}},
        {"filter": docs.columns.content.like("text 1%"), "limit": 4},
    ):
        found = docs.search_many(queries, **options)
        assert found == [docs.search(query, **options) for query in queries]


def test_texts_are_encoded_together(store: embeddb.Store) -> None:
    encoder = HashEncoder()
    texts = store.create_collection("texts", model=encoder)
    texts.add([("a", "red apple"), ("b", "green apple"), ("c", "blue car")])
    found = texts.search_many(["apple red", "a blue car"] * 20, 1)
    assert [hits[0].id for hits in found] == ["a", "c"] * 20


def test_errors_are_those_of_a_search(docs: Collection) -> None:
    with pytest.raises(FilterError):
        docs.search_many(QUERIES, filter={"a": {"$nope": 1}})
    with pytest.raises(InvalidVectorError, match="Query vector 1"):
        docs.search_many([QUERIES[0], QUERIES[0] * np.nan])
    rows(docs._database.url, "DROP TABLE embeddb.docs_g1 CASCADE")
    with pytest.raises(DatabaseError, match="docs_g1"):
        docs.search_many(QUERIES)


def test_no_connection_is_left_in_a_pipeline_or_a_transaction_after_an_error(
    docs: Collection,
) -> None:
    for _ in range(12):  # more often than there are connections
        with pytest.raises(FilterError):
            docs.search_many(QUERIES, filter={"a": {"$nope": 1}})
    assert docs.search_many(QUERIES) == [docs.search(query) for query in QUERIES]
    state = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'embeddb' AND state <> "
    assert one(docs._database.url, state + "'idle' AND datname = current_database()") == 0


def test_it_finds_after_the_sessions_were_ended(docs: Collection) -> None:
    expected = docs.search_many(QUERIES)
    for _ in range(3):
        assert terminate(docs._database.url) > 0
        assert docs.search_many(QUERIES) == expected


@pytest.mark.parametrize("prepare", [True, False])
def test_a_pool_of_one_connection_is_enough(docs: Collection, prepare: bool) -> None:
    expected = docs.search_many(QUERIES)
    url = docs._database.url
    with (
        ConnectionPool(url, min_size=1, max_size=1) as pool,
        embeddb.connect(pool, prepare=prepare) as store,
    ):
        assert store.collection("docs").search_many(QUERIES) == expected
        with pool.connection() as connection:
            assert not connection.autocommit
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
            assert connection.info.pipeline_status == psycopg.pq.PipelineStatus.OFF


def test_a_pool_of_several_connections_and_an_engine_serve_too(docs: Collection) -> None:
    expected = docs.search_many(QUERIES)
    url = docs._database.url
    with ConnectionPool(url, min_size=1, max_size=4) as pool, embeddb.connect(pool) as store:
        assert store.collection("docs").search_many(QUERIES) == expected
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with embeddb.connect(engine) as store:
        assert store.collection("docs").search_many(QUERIES) == expected
    engine.dispose()


def test_a_few_queries_are_asked_on_one_connection(
    docs: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(docs._database, PooledDatabase)
    lend, lent = docs._database.connection, []

    def counted() -> AbstractContextManager[Connection]:
        lent.append(1)
        return lend()

    monkeypatch.setattr(docs._database, "connection", counted)
    docs.search_many(QUERIES[:PIPELINED])
    assert len(lent) == 1
    docs.search_many(QUERIES)
    assert len(lent) == 1 + CONNECTIONS


def test_without_pipelines_it_is_the_same(
    docs: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = docs.search_many(QUERIES)
    monkeypatch.setattr(psycopg.Pipeline, "is_supported", lambda: False)
    assert docs.search_many(QUERIES) == expected


def test_many_threads_share_a_pool(docs: Collection) -> None:
    expected = docs.search_many(QUERIES)
    found: list[bool] = []

    def ask() -> None:
        for _ in range(3):
            found.append(docs.search_many(QUERIES) == expected)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 24


@pytest.fixture
def connections(database: str) -> Iterator[PooledDatabase]:
    found = PooledDatabase(database)
    yield found
    found.close()


def test_each_piece_is_done_once(connections: PooledDatabase) -> None:
    done: list[int] = []

    def work(connection: Connection, number: int) -> int:
        connection.execute("SELECT 1")
        done.append(number)
        return number * 2

    found = run_parallel(connections, 50, work, connections=CONNECTIONS)
    assert found == list(range(0, 100, 2))
    assert sorted(done) == list(range(50))
    assert run_parallel(connections, 0, work, connections=CONNECTIONS) == []


def test_an_error_ends_the_work_and_is_raised(connections: PooledDatabase) -> None:
    done: list[int] = []

    def work(connection: Connection, number: int) -> None:
        done.append(number)
        if number == 3:
            connection.execute("SELECT 1/0")
        connection.execute("SELECT pg_sleep(0.01)")

    with pytest.raises(DatabaseError, match="division by zero"):
        run_parallel(connections, 1000, work, connections=CONNECTIONS)
    assert len(done) < 1000


def test_without_a_second_connection_the_first_does_all(
    connections: PooledDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    lend, lent = connections.connection, threading.Event()

    def once() -> object:
        if lent.is_set():
            raise DatabaseUnavailableError("no more connections")
        lent.set()
        return lend()

    monkeypatch.setattr(connections, "connection", once)
    assert run_parallel(connections, 9, lambda _, number: number, connections=3) == list(range(9))
    with pytest.raises(DatabaseUnavailableError, match="no more"):
        run_parallel(connections, 9, lambda _, number: number, connections=3)
