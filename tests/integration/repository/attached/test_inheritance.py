"""Tables that inherit from the source: their rows belong to it, under keys of their own."""

from __future__ import annotations

import pytest

import embeddb
from embeddb.errors import NotATableError
from embeddb.worker import Worker, WorkerOptions
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, rows
from tests.support.workers import attach

STORED = "SELECT id, content FROM embeddb.posts_g1 ORDER BY id"


@pytest.fixture
def url(store: embeddb.Store) -> str:
    rows(store.url, "CREATE TABLE public.posts (id int PRIMARY KEY, body text)")
    rows(store.url, "CREATE TABLE public.archived (PRIMARY KEY (id)) INHERITS (posts)")
    rows(store.url, "INSERT INTO posts VALUES (1, 'one'), (2, 'two')")
    return store.url


def work(store: embeddb.Store) -> None:
    options = WorkerOptions(once=True, poll_seconds=0.2, max_attempts=1)
    Worker(store, options, encoders={"posts": HashEncoder()}).run()


def test_a_key_that_two_tables_have_is_refused(store: embeddb.Store, url: str) -> None:
    rows(url, "INSERT INTO archived VALUES (2, 'another')")
    with pytest.raises(NotATableError, match="the key 2"):
        attach(store, "posts", "body", name="posts", model=HashEncoder(), index=None)


def test_a_key_that_comes_to_be_shared_fails_alone(store: embeddb.Store, url: str) -> None:
    attach(store, "posts", "body", name="posts", model=HashEncoder(), index=None)
    rows(url, "INSERT INTO archived VALUES (3, 'three')")
    work(store)
    assert rows(url, STORED) == [("1", "one"), ("2", "two"), ("3", "three")]
    rows(url, "INSERT INTO archived VALUES (2, 'another'), (4, 'four')")
    work(store)
    assert rows(url, STORED) == [("1", "one"), ("3", "three"), ("4", "four")], "neither is mixed in"
    assert one(url, "SELECT error FROM embeddb.failed_jobs WHERE key = '2'") == "SharedKeyError"
    rows(url, "UPDATE archived SET id = 5 WHERE id = 2")
    rows(url, "UPDATE posts SET body = 'two again' WHERE id = 2")
    work(store)
    assert rows(url, STORED) == [
        ("1", "one"),
        ("2", "two again"),
        ("3", "three"),
        ("4", "four"),
        ("5", "another"),
    ]
