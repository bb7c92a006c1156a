"""Attached tables in a window of maintenance: paused, unfollowed, followed again."""

from __future__ import annotations

import pytest

import embeddb
from embeddb.errors import ConfigurationError, EmbedDBError
from embeddb.worker import Worker, WorkerOptions
from tests.support.cli import run
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, rows
from tests.support.workers import attach

STORED = "SELECT id, content FROM embeddb.articles_g1 ORDER BY id::bigint"


@pytest.fixture
def url(store: embeddb.Store) -> str:
    rows(store.url, "CREATE TABLE public.articles (id int PRIMARY KEY, body varchar(20))")
    rows(store.url, "INSERT INTO articles VALUES (1, 'one'), (2, 'two')")
    attach(store, "articles", "body", name="articles", model=HashEncoder())
    return store.url


def work(store: embeddb.Store) -> int:
    encoders = {"articles": HashEncoder()}
    return (
        Worker(store, WorkerOptions(once=True, poll_seconds=0.2), encoders=encoders).run().encoded
    )


def test_workers_leave_a_paused_collection_alone(store: embeddb.Store, url: str) -> None:
    assert work(store) == 2
    store.pause("articles")
    rows(url, "UPDATE articles SET body = 'three' WHERE id = 1")
    rows(url, "DELETE FROM articles WHERE id = 2")
    assert work(store) == 0
    assert rows(url, STORED) == [("1", "one")], "deletes are still followed"
    assert one(url, "SELECT pending FROM embeddb.status") == 1
    assert one(url, "SELECT paused_at IS NOT NULL FROM embeddb.status")
    store.resume("articles")
    assert work(store) == 1
    assert rows(url, STORED) == [("1", "three")]
    assert one(url, "SELECT paused_at FROM embeddb.status") is None


def test_a_paused_collection_says_so(store: embeddb.Store, url: str) -> None:
    assert run("pause", "articles", dsn=url).returncode == 0
    assert "paused" in run("status", dsn=url).stdout
    since = one(url, "SELECT paused_at FROM embeddb.status")
    assert run("pause", "articles", dsn=url).returncode == 0
    assert one(url, "SELECT paused_at FROM embeddb.status") == since
    assert run("resume", "articles", dsn=url).returncode == 0
    assert "paused" not in run("status", dsn=url).stdout


def test_a_column_changes_its_type_between_unfollow_and_follow(
    store: embeddb.Store, url: str
) -> None:
    assert work(store) == 2
    with pytest.raises(Exception, match="view"):
        rows(url, "ALTER TABLE articles ALTER body TYPE text")
    assert run("unfollow", "articles", "--yes", dsn=url).returncode == 0
    rows(url, "ALTER TABLE articles ALTER body TYPE text")
    rows(url, "INSERT INTO articles VALUES (3, 'a text that is longer than twenty letters')")
    with pytest.raises(EmbedDBError):
        store.collection("articles").search([0.0] * HashEncoder().info.dim)
    assert run("follow", "articles", dsn=url).returncode == 0
    assert work(store) == 1, "what did not change is not encoded"
    assert [row[0] for row in rows(url, STORED)] == ["1", "2", "3"]
    rows(url, "UPDATE articles SET body = 'two again' WHERE id = 2")
    assert work(store) == 1


@pytest.mark.parametrize("command", ["pause", "resume", "unfollow", "follow"])
def test_only_an_attached_collection_can_be_maintained(store: embeddb.Store, command: str) -> None:
    store.create_collection("docs", model=HashEncoder())
    with pytest.raises(ConfigurationError, match="attached to no table"):
        getattr(store, command)("docs")
