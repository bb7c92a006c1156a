"""A filter that asks for what no document has is told so, where a search came out short."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import embeddb
from embeddb import Collection
from embeddb.errors import FilterWarning
from tests.support.encoders import HashEncoder
from tests.support.postgres import rows, session

DOCUMENTS: list[dict[str, Any]] = [
    {
        "year": 2000 + number,
        "code": str(number),
        "tags": ["a", "b"],
        "numbers": [number],
        "none": [],
        "author": {"first_name": "Ada"},
    }
    for number in range(5)
]


@pytest.fixture
def docs(store: embeddb.Store) -> Collection:
    docs = store.create_collection("docs", model=None, dim=2)
    docs.add(
        {"id": str(number), "embedding": [1, number], "metadata": metadata}
        for number, metadata in enumerate(DOCUMENTS)
    )
    return docs


def _told(call: Callable[[], object]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(warning.category is FilterWarning for warning in caught)
    assert all(warning.filename == __file__ for warning in caught), "it names the caller's line"
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"year": "2001"}, 'compares "year" with a string, but its values are numbers'),
        ({"year": {"$gte": "2001"}}, 'compares "year" with a string'),
        ({"code": 3}, 'compares "code" with a number, but its values are strings'),
        ({"code": {"$in": [3, True]}}, 'compares "code" with a boolean or a number'),
        ({"year": None}, '{"$exists": false}'),
        ({"tags": {"$contains": [1]}}, 'compares "tags" with a number, but its values are strings'),
        ({"numbers": {"$between": ["a", "b"]}}, "its values are numbers"),
        ({"none": 1}, "its values are empty lists"),
        ({"author": "Ada"}, 'Name a field inside: "author.…"'),
        ({"year": {"$like": "20%"}}, 'compares "year" with a string'),
        ({"$or": [{"year": "x"}, {"code": "z"}]}, 'compares "year"'),
        ({"$not": {"year": {"$ne": "x"}}}, 'compares "year"'),
        ({"yaer": 2001}, 'No document has the field "yaer". Did you mean "year"?'),
        ({"Year": {"$exists": True}}, 'Did you mean "year"?'),
        ({"author.firstname": "Ada"}, 'Did you mean "author.first_name"?'),
        ({"author.zzzzzz": "Ada"}, 'No document has the field "author.zzzzzz".'),
        ({"a\\.b": 1}, 'No document has the field "a\\.b".'),
    ],
    ids=str,
)
def test_what_no_document_has_is_told(docs: Collection, wanted: dict[str, Any], told: str) -> None:
    for call in (
        lambda: docs.search([1, 0], filter=wanted),
        lambda: docs.search_many([[1, 0], [0, 1]], filter=wanted),
        lambda: docs.search_with_plan([1, 0], filter=wanted),
        lambda: docs.similar("1", filter=wanted),
        lambda: docs.count(wanted),
        lambda: docs.delete(filter=wanted),
    ):
        (message,) = _told(call)
        assert told in message


@pytest.mark.parametrize(
    "wanted",
    [
        {"year": 1},
        {"year": {"$gt": 3000}},
        {"year": 1.5},
        {"code": {"$in": [1, "x"]}},
        {"missing": {"$exists": False}, "year": 1},
        {"missing": {"$ne": 3}, "year": 1},
        {"$not": {"missing": 3}, "year": 1},
        {"tags": "z"},
        {"author.first_name": "Bob"},
        {"none": {"$exists": True}, "year": 1},
    ],
    ids=str,
)
def test_what_is_there_but_does_not_pass_is_not_told(
    docs: Collection, wanted: dict[str, Any]
) -> None:
    assert _told(lambda: docs.search([1, 0], filter=wanted)) == []
    assert _told(lambda: docs.count(wanted)) == []


def test_a_search_that_is_filled_looks_no_further(docs: Collection, store: embeddb.Store) -> None:
    wanted = {"$or": [{"year": {"$gt": 0}}, {"yaer": 1}]}
    assert _told(lambda: docs.search([1, 0], 5, filter=wanted)) == []
    assert len(_told(lambda: docs.search([1, 0], 6, filter=wanted))) == 1
    store.create_collection("empty", model=None, dim=2)
    assert _told(lambda: store.collection("empty").search([1, 0], filter=wanted)) == []
    with session(store.url) as connection:
        notices: list[Any] = []
        connection.add_notice_handler(notices.append)
        connection.execute(
            "SELECT FROM embeddb.docs_search('[1,0]'::vector, _filter => '{\"yaer\": 1}')"
        )
        assert notices == []


def test_a_sample_of_many_documents_is_told(store: embeddb.Store) -> None:
    docs = store.create_collection("many", model=None, dim=2, index=None)
    docs.add(
        {"id": str(number), "embedding": [1, number], "metadata": {"n": number}}
        for number in range(5000)
    )
    rows(store.url, "ANALYZE embeddb.many")
    for call in (lambda: docs.count({"n": "x"}), lambda: docs.count({"m": 1})):
        (message,) = _told(call)
        assert ", in a sample of " in message


def test_the_columns_of_an_attached_table_are_looked_at(store: embeddb.Store) -> None:
    rows(
        store.url,
        "CREATE TABLE articles (id bigint PRIMARY KEY, body text, year integer); "
        "INSERT INTO articles VALUES (1, 'a cat', 2020)",
    )
    docs = store.attach("articles", text="body", metadata=["year"], model=HashEncoder())
    (message,) = _told(lambda: docs.count({"year": "2020"}))
    assert 'compares "year" with a string, but its values are numbers.' in message
    (message,) = _told(lambda: docs.count({"yaer": 2020}))
    assert 'Did you mean "year"?' in message
