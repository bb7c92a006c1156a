"""embeddb.search: a collection named by a value."""

from __future__ import annotations

import psycopg
import pytest

import embeddb
from tests.support.attaching import articles, attach, drain, query
from tests.support.encoders import HashEncoder
from tests.support.postgres import rows

SEARCH = "SELECT id, chunk_no, content, metadata FROM embeddb.search(%s, %s::vector, 1, %s)"


def test_every_kind_of_collection_is_searched_alike(store: embeddb.Store) -> None:
    articles(store.url, 20)
    rows(
        store.url,
        'CREATE TABLE "Odd" (day date, "content" text, at timestamptz, n bytea, body text, '
        'PRIMARY KEY (day, "content", at, n));'
        "INSERT INTO \"Odd\" VALUES ('2024-05-06', 'c', '2024-05-06 07:08+00', '\\x01', 'word1')",
    )
    drain(store, attach(store, metadata=["views"]))
    drain(store, attach(store, '"Odd"', "body", name="odd one"))
    store.create_collection("docs", model=HashEncoder()).add([{"id": "a", "content": "word4 x"}])
    for name, text, filter, expected in (
        ("articles", "word4", '{"views": 4}', ("4", 0, "title 4\n\nabout word4", {"views": 4})),
        ("docs", "word4", None, ("a", 0, "word4 x", {})),
        (
            "odd one",
            "word1",
            None,
            ('["2024-05-06", "c", "2024-05-06T07:08:00Z", "01"]', 0, "word1", {}),
        ),
    ):
        found = rows(store.url, SEARCH, [name, str(query(text).tolist()), filter])
        assert found == [expected]


def test_a_collection_that_is_not_there_is_an_error(store: embeddb.Store) -> None:
    with pytest.raises(psycopg.errors.UndefinedObject, match="no collection 'x'"):
        rows(store.url, SEARCH, ["x", "[1]", None])
