"""Titles of rows: put before each chunk, and encoded again when they change."""

from __future__ import annotations

from typing import Any

import pytest

import embeddb
from embeddb.errors import ColumnNotFoundError, ConfigurationError, ExpressionError
from embeddb.worker import Worker, WorkerOptions
from tests.support.attaching import attach, drain, pending
from tests.support.encoders import HashEncoder
from tests.support.postgres import rows

BODY = " ".join(f"word{number}" for number in range(200))
CHUNKER: dict[str, Any] = {"kind": "text", "max_tokens": 60, "overlap": 0}


class Recorder(HashEncoder):
    """Remembers the texts that it encoded."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def encode(self, texts: Any, role: Any = "document") -> Any:  # noqa: ANN401
        self.texts += texts
        return super().encode(texts, role)


def work(store: embeddb.Store) -> list[str]:
    """Let a worker do all there is to do, and return what it encoded."""
    encoder = Recorder()
    options = WorkerOptions(once=True, retry_seconds=0.05, poll_seconds=0.2)
    Worker(store, options, encoders={"stories": encoder}).run()
    return encoder.texts


def stories(store: embeddb.Store, **others: object) -> embeddb.Collection:
    """Attach to a table of one long row."""
    rows(store.url, "CREATE TABLE stories (id int PRIMARY KEY, headline text, body text, n int)")
    rows(store.url, "INSERT INTO stories VALUES (1, 'The deluge', %s, 1)", [BODY])
    return attach(store, "stories", "body", **others)


def test_each_chunk_is_encoded_below_the_title(store: embeddb.Store) -> None:
    found = stories(store, title_column="headline", chunker=CHUNKER, metadata=["n"])
    texts = work(store)
    assert len(texts) > 2
    assert all(text.startswith("The deluge\n") for text in texts)
    hit = found.search(HashEncoder().encode(["word7"], "query")[0], 1)[0]
    assert "deluge" not in (hit.content or "")
    assert hit.metadata == {"n": 1, "headline": "The deluge"}


def test_another_title_alone_is_encoded_again(store: embeddb.Store) -> None:
    stories(store, title_column="headline", chunker=CHUNKER)
    before = work(store)
    rows(store.url, "UPDATE stories SET n = 2")
    assert pending(store.url, "stories") == {}
    rows(store.url, "UPDATE stories SET headline = 'After it'")
    assert [text.partition("\n")[0] for text in work(store)] == ["After it"] * len(before)
    rows(store.url, "UPDATE stories SET headline = NULL")
    assert all(text.startswith("word") for text in work(store))


def test_a_title_that_is_declared_later_is_encoded_again(store: embeddb.Store) -> None:
    stories(store, chunker=CHUNKER)
    assert all(text.startswith("word") for text in work(store))
    attach(store, "stories", "body", chunker=CHUNKER, title_column="headline", exist_ok=True)
    assert all(text.startswith("The deluge\n") for text in work(store))


def test_a_column_that_is_no_title_is_refused(store: embeddb.Store) -> None:
    with pytest.raises(ColumnNotFoundError, match="headlines"):
        stories(store, title_column="headlines")
    with pytest.raises(ExpressionError, match="no title"):
        attach(store, "stories", "body", title_column="n")


def test_a_chunker_without_contexts_is_refused(store: embeddb.Store) -> None:
    with pytest.raises(ConfigurationError, match="no context"):
        stories(store, title_column="headline", chunker="none")
    found = attach(store, "stories", "body", chunker="none")
    drain(store, found)
    with pytest.raises(ConfigurationError, match="no context"):
        attach(store, "stories", "body", chunker="none", title_column="headline", exist_ok=True)
