"""Keys that are equal and written in several ways: each finds the row, as it does in SQL."""

from __future__ import annotations

import pytest

import embeddb
from embeddb.errors import ConfigurationError
from embeddb.worker import Worker, WorkerOptions
from tests.support.encoders import HashEncoder
from tests.support.postgres import rows
from tests.support.workers import attach

KEYS = {
    "citext": ("AbC", "abc"),
    "numeric": ("1.00", "1"),
    "interval": ("24:00:00", "1 day"),
    "char(5)": ("ab", "ab   "),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_row_is_found_by_any_key_that_is_equal(store: embeddb.Store, kind: str) -> None:
    stored, other = KEYS[kind]
    rows(store.url, "CREATE EXTENSION IF NOT EXISTS citext")
    rows(store.url, f"CREATE TABLE public.pages (slug {kind} PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO pages VALUES (%s, 'one')", (stored,))
    second = {"citext": "Zed", "numeric": "2", "interval": "2 days", "char(5)": "zz"}[kind]
    rows(store.url, "INSERT INTO pages VALUES (%s, 'two')", (second,))
    encoder = HashEncoder()
    pages = attach(store, "pages", "body", name="pages", model=encoder, index=None)
    Worker(store, WorkerOptions(once=True), encoders={"pages": encoder}).run()
    for key in (stored, other):
        found = rows(
            store.url,
            f"SELECT content FROM embeddb.pages_similar(%s::{kind}, 5)",
            (key,),
        )
        assert found == [("two",)], key
        assert [hit.content for hit in pages.similar(key, limit=5)] == ["two"]
        assert [document.content for document in pages.get([key])] == ["one"]


def test_what_is_no_key_is_nobody_s(store: embeddb.Store) -> None:
    rows(store.url, "CREATE TABLE public.pages (slug numeric PRIMARY KEY, body text)")
    rows(store.url, "INSERT INTO pages VALUES (1, 'one')")
    encoder = HashEncoder()
    pages = attach(store, "pages", "body", name="pages", model=encoder, index=None)
    Worker(store, WorkerOptions(once=True), encoders={"pages": encoder}).run()
    with pytest.raises(ConfigurationError, match="no document"):
        pages.similar("a word")
    with pytest.raises(ConfigurationError, match="no document"):
        pages.similar("2")
