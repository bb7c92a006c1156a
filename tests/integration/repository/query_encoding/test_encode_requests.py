"""Texts that wait for a worker, and answers that are kept."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

import embeddb
from embeddb.db.database import Connection
from embeddb.repository.query_encoding.encode_requests import EncodeRequests
from tests.support.postgres import one, rows

WORKER = "SELECT embeddb.query_worker(c.id) FROM embeddb.collections c WHERE c.name = %s"
VECTOR = np.array([0.5, 1.5, -2.0], dtype=np.float32)


@pytest.fixture
def url(store: embeddb.Store) -> str:
    """A database with two collections, and three texts that wait."""
    for name in ("docs", "more"):
        store.create_collection(name, model=None, dim=3)
    rows(
        store.url,
        "INSERT INTO embeddb.encode_requests (collection_id, text) "
        "SELECT c.id, c.name || ' ' || n FROM embeddb.collections c, generate_series(1, 2) n "
        "WHERE n = 1 OR c.name = 'docs' ORDER BY n, c.name",
    )
    return store.url


@pytest.fixture
def connection(store: embeddb.Store) -> Iterator[Connection]:
    with store.database.open() as opened:
        opened.execute("SET lock_timeout = '5s'")  # whoever waits for another fails
        yield opened


def test_the_oldest_texts_come_first_and_none_comes_twice(
    store: embeddb.Store, url: str, connection: Connection
) -> None:
    requests = EncodeRequests("embeddb")
    with store.database.open() as other, other.transaction(), connection.transaction():
        first = requests.claim(other, None, 2)
        assert [(one.collection, one.text) for one in first] == [
            ("docs", "docs 1"),
            ("more", "more 1"),
        ]
        assert [one.text for one in requests.claim(connection, None, 9)] == ["docs 2"]
    # neither answered: the end of the transactions set them free
    assert len(requests.claim(connection, None, 9)) == 3
    assert [one.text for one in requests.claim(connection, ["more"], 9)] == ["more 1"]


def test_an_answer_is_a_vector_or_a_reason(url: str, connection: Connection) -> None:
    requests = EncodeRequests("embeddb")
    first, second, third = requests.claim(connection, None, 9)
    requests.answer(connection, first, VECTOR, "model")
    requests.answer(connection, first, VECTOR, "model")  # as two workers might
    requests.refuse(connection, second, "no such model")
    assert requests.claim(connection, None, 9) == [third]
    answers = "SELECT embedding, problem FROM embeddb.encode_requests WHERE answered_at IS NOT NULL"
    assert sorted(rows(url, answers), key=str) == [
        (None, "no such model"),
        ([0.5, 1.5, -2.0], None),
    ]
    kept = "SELECT fingerprint, text_hash = sha256(%s), embedding FROM embeddb.encoded_queries"
    assert rows(url, kept, [b"docs 1"]) == [("model", True, [0.5, 1.5, -2.0])]


def test_the_oldest_answers_beyond_the_bound_are_removed(url: str, connection: Connection) -> None:
    requests = EncodeRequests("embeddb")
    for request in requests.claim(connection, None, 9):
        requests.answer(connection, request, VECTOR, "model")
    requests.forget(connection, 3)
    assert one(url, "SELECT count(*) FROM embeddb.encoded_queries") == 3
    requests.forget(connection, 1)
    last = "SELECT text_hash = sha256('docs 2') FROM embeddb.encoded_queries"
    assert rows(url, last) == [(True,)]


def test_what_nobody_waits_for_is_removed(url: str, connection: Connection) -> None:
    requests = EncodeRequests("embeddb")
    first, second, third = requests.claim(connection, None, 9)
    requests.answer(connection, first, VECTOR, "model")
    requests.refuse(connection, second, "no")
    age = "UPDATE embeddb.encode_requests SET {} = now() - interval '50 s' WHERE id = {}"
    rows(url, age.format("answered_at", first.id))
    rows(url, age.format("created_at", third.id))
    requests.abandon(connection, unasked_seconds=60, unread_seconds=60)
    assert one(url, "SELECT count(*) FROM embeddb.encode_requests") == 3
    requests.abandon(connection, unasked_seconds=60, unread_seconds=40)
    assert rows(url, "SELECT id FROM embeddb.encode_requests ORDER BY id") == [
        (second.id,),
        (third.id,),
    ]
    requests.abandon(connection, unasked_seconds=40, unread_seconds=40)
    assert rows(url, "SELECT id FROM embeddb.encode_requests") == [(second.id,)]


def test_a_session_is_known_to_answer_for_its_collections_until_it_ends(
    store: embeddb.Store, url: str
) -> None:
    requests = EncodeRequests("embeddb")
    with store.database.open() as session:
        requests.announce(session, ["docs"])
        assert [one(url, WORKER, [name]) for name in ("docs", "more")] == [True, False]
        with store.database.open() as other:
            requests.announce(other, None)
            assert [one(url, WORKER, [name]) for name in ("docs", "more")] == [True, True]
        _until_false(url, "more")
        assert one(url, WORKER, ["docs"])
    _until_false(url, "docs")


def _until_false(url: str, name: str) -> None:
    """Wait for the server to notice that a session has ended."""
    end = time.monotonic() + 10
    while one(url, WORKER, [name]):
        assert time.monotonic() < end
        time.sleep(0.01)
