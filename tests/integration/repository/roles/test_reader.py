"""A role that may only SELECT."""

from __future__ import annotations

import pytest

import embeddb
from embeddb.errors import PermissionDeniedError
from tests.support.encoders import HashEncoder
from tests.support.postgres import role, rows, session

GRANTS = (
    "GRANT USAGE ON SCHEMA embeddb TO {}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA embeddb TO {}",
)


def test_a_reader_can_search_through_every_door(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest({"id": f"d{i}", "content": f"text {i}", "metadata": {"n": i}} for i in range(50))
    with role(store.url, *GRANTS) as url, embeddb.connect(url) as reading:
        found = reading.collection("docs", encoder=HashEncoder())
        assert found.search("text 7", 1)[0].id == "d7"
        assert found.search("text 7", filter={"n": {"$lt": 5}}) == docs.search(
            "text 7", filter={"n": {"$lt": 5}}
        )
        assert found.similar("d7", 3)
        assert found.get(["d7"], embeddings=True)[0].embedding is not None
        assert found.count({"n": {"$gte": 25}}) == 25
        assert found.peek(2)
        assert found.explain("text", analyze=True)
        assert found.recall(sample=5).recall > 0
        assert {info.method for info in found.indexes()} == {"gin", "hnsw"}
        assert [collection.name for collection in reading.collections()] == ["docs"]
        assert reading.sizes("docs")[0] == 50
        with session(url) as connection:
            literal = str(HashEncoder().encode(["text 7"])[0].tolist())
            row = connection.execute(
                "SELECT id FROM embeddb.docs_search(%s::vector, 1, '{\"n\": 7}')", [literal]
            ).fetchone()
            assert row == ("d7",)
    assert rows(store.url, "SELECT FROM embeddb.recall_history") == []


def test_a_reader_is_told_what_it_may_not_do(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.add([("a", "a cat")])
    with role(store.url, *GRANTS) as url, embeddb.connect(url) as reading:
        found = reading.collection("docs", encoder=HashEncoder())
        for action in (
            lambda: reading.create_collection("mine", model=None, dim=3),
            lambda: reading.drop_collection("docs"),
            lambda: found.ingest([("b", "a dog")]),
            lambda: found.add([("b", "a dog")]),
            lambda: found.delete(ids=["a"]),
            lambda: found.create_index(),
            lambda: found.drop_index(),
            lambda: embeddb.migrate(url),
        ):
            with pytest.raises(PermissionDeniedError):
                action()
    assert docs.count() == 1
    assert {info.method for info in docs.indexes() if info.valid} == {"gin", "hnsw"}


def test_a_stranger_is_told_so(store: embeddb.Store) -> None:
    with role(store.url) as url, pytest.raises(PermissionDeniedError, match="right"):
        embeddb.connect(url)
