"""Which plan Postgres chooses for a search."""

from __future__ import annotations

from typing import Any

import pytest

import embeddb
from embeddb import Collection
from tests.support.plans import read_indexes
from tests.support.vectors import as_documents, clustered

VECTORS = clustered(6000, 64, seed=12)


@pytest.fixture
def docs(store: embeddb.Store) -> Collection:
    docs = store.create_collection("docs", model=None, dim=64)
    docs.ingest(as_documents(VECTORS))
    return docs


def test_each_search_reads_the_index_that_fits_it(docs: Collection) -> None:
    vector, metadata = "docs_g1_hnsw", "docs_metadata"
    few: dict[str, Any] = {"number": 77}
    for filter, limit, used, unused in (
        (None, 10, vector, metadata),
        (None, 100, vector, metadata),
        (few, 10, metadata, vector),
        ({"number": {"$in": [1, 2, 3]}}, 10, metadata, vector),
        ({"even": True}, 10, vector, None),
    ):
        read = read_indexes(docs, VECTORS[0], limit, filter=filter)
        assert used in read, (filter, read)
        assert unused not in read, (filter, read)
    assert vector in docs.explain(VECTORS[0], max_distance=0.5)
    assert vector not in docs.explain(VECTORS[0], exact=True)


def test_a_selective_filter_is_answered_exactly(docs: Collection) -> None:
    wanted = {"number": {"$in": list(range(0, 6000, 100))}}
    assert docs.search(VECTORS[0], 20, filter=wanted) == docs.search(
        VECTORS[0], 20, filter=wanted, exact=True
    )


def test_a_threshold_that_nothing_meets_does_not_walk_the_whole_index(docs: Collection) -> None:
    plan = docs.explain(VECTORS[0] * 1.5 + 1, max_distance=-1, analyze=True)
    scanned = next(line for line in plan.splitlines() if "Index Scan using docs_g1_hnsw" in line)
    assert "rows=10" in scanned.split("actual")[1]
