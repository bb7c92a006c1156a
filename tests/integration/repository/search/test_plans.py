"""What a search tells of how it was answered."""

from __future__ import annotations

from typing import Any

import pytest

import embeddb
from embeddb import HNSW, IVFPQ, Collection, IVFFlat
from embeddb.errors import DimensionMismatchError, FilterError
from tests.support.vectors import as_documents, clustered

ROWS, DIM = 4000, 64
VECTORS = clustered(ROWS, DIM, seed=41)
QUERY = VECTORS[0] + 0.01


@pytest.fixture
def docs(store: embeddb.Store) -> Collection:
    docs = store.create_collection("docs", model=None, dim=DIM)
    docs.ingest(as_documents(VECTORS))
    return docs


def test_a_plain_search_reads_the_index(docs: Collection) -> None:
    plan = docs.plan(QUERY, 7)
    assert (plan.strategies, plan.index, plan.passing) == (("index",), "docs_g1_hnsw", None)
    assert (plan.scanned, plan.limit, plan.returned, plan.filled) == (7, 7, 7, True)
    assert plan.milliseconds > 0


def test_an_exact_search_reads_every_row(docs: Collection) -> None:
    plan = docs.plan(QUERY, exact=True)
    assert (plan.strategies, plan.index, plan.scanned) == (("exact",), None, ROWS)
    half = docs.plan(QUERY, exact=True, filter={"even": True})
    assert half.strategies == ("exact",)
    assert half.passing == pytest.approx(ROWS / 2, rel=0.4)
    docs.drop_index()
    assert docs.plan(QUERY).strategies == ("exact",)


def test_few_that_pass_are_compared_one_by_one(docs: Collection) -> None:
    plan = docs.plan(QUERY, filter={"number": {"$lt": 4}})
    assert plan.strategies == ("exact over the few that pass",)
    assert (plan.index, plan.scanned, plan.passing) == (None, 4, 4)
    assert (plan.returned, plan.filled) == (4, False)


def test_nothing_that_passes_is_told(docs: Collection) -> None:
    plan = docs.plan(QUERY, filter={"number": -1})
    assert plan.strategies == ("exact over the few that pass",)
    assert (plan.scanned, plan.passing, plan.returned, plan.filled) == (0, 0, 0, False)


def test_a_threshold_that_leaves_nothing_hides_no_way(docs: Collection) -> None:
    plan = docs.plan(QUERY, max_distance=-1)
    assert (plan.strategies, plan.returned, plan.filled) == (("index",), 0, False)


def test_many_that_pass_are_looked_for_in_the_index(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=8)
    docs.ingest(as_documents(clustered(6000, 8, seed=42)))
    plan = docs.plan(clustered(1, 8, seed=43)[0], filter={"tenth": {"$lt": 9}})
    assert plan.index == "docs_g1_hnsw"
    assert plan.strategies == ("index",)
    assert plan.passing is not None and plan.passing > 4000
    assert plan.filled


@pytest.mark.parametrize(
    ("index", "name"),
    [
        (HNSW(on="bit"), "docs_g1_hnsw"),
        (IVFFlat(lists=20), "docs_g1_ivfflat"),
        (IVFPQ(lists=20), "docs_g1_codes"),
    ],
    ids=["bits", "ivfflat", "ivfpq"],
)
def test_each_index_is_named(store: embeddb.Store, index: Any, name: str) -> None:  # noqa: ANN401
    docs = store.create_collection("docs", model=None, dim=DIM, index=index)
    docs.ingest(as_documents(VECTORS))
    plan = docs.plan(QUERY)
    assert (plan.strategies, plan.index) == (("index",), name)
    assert 10 <= plan.scanned <= 2 * ROWS


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"limit": 3, "max_distance": 0.5},
        {"filter": {"even": True}},
        {"filter": {"number": {"$lt": 30}}, "max_distance": 0.9},
        {"exact": True},
    ],
)
def test_the_hits_are_those_of_a_search(docs: Collection, options: dict[str, Any]) -> None:
    hits, plan = docs.search_with_plan(QUERY, **options)
    assert hits == docs.search(QUERY, **options)
    assert plan.returned == len(hits)
    assert plan.filled == (len(hits) == options.get("limit", 10))


def test_errors_are_those_of_a_search(docs: Collection) -> None:
    with pytest.raises(FilterError):
        docs.plan(QUERY, filter={"a": {"$nope": 1}})
    with pytest.raises(DimensionMismatchError):
        docs.plan(QUERY[:-1])


def test_an_expression_is_a_filter_too(docs: Collection) -> None:
    plan = docs.plan(QUERY, filter=docs.columns.id.in_(["v1", "v2"]))
    assert (plan.returned, plan.passing) == (2, 2)


def test_explain_begins_with_what_it_comes_to(docs: Collection) -> None:
    lines = docs.explain(QUERY, filter={"number": {"$lt": 4}}, analyze=True).splitlines()
    assert lines[:5] == [
        "-- way: exact over the few that pass",
        "-- index: none",
        "-- rows read: 4",
        "-- documents that pass the filter: about 4",
        "-- rows found: 4, fewer than the limit of 10",
    ]
    assert lines[5].startswith("-- time: ")
    assert "actual" in lines[6]
    known = docs.explain(QUERY).splitlines()
    assert known[0] == "-- index: docs_g1_hnsw"
    assert not known[1].startswith("--")
    assert docs.explain(QUERY, exact=True).startswith("-- index: none")
