"""How much of the exact answer an index finds, and that it is an index that finds it."""

from __future__ import annotations

import numpy as np
import pytest

import embeddb
from embeddb import HNSW, Collection, IVFFlat
from tests.postgres import rows
from tests.vectors import clustered, distances

DIM = 64
VECTORS = clustered(5000, DIM, clusters=40, seed=11)
QUERIES = clustered(40, DIM, clusters=40, seed=11)

FLOOR = 0.95


@pytest.fixture
def docs(store: embeddb.Store) -> Collection:
    return _collection(store)


def _collection(store: embeddb.Store, **options: object) -> Collection:
    docs = store.create_collection("docs", model=None, dim=DIM, **options)  # type: ignore[arg-type]
    docs.ingest(
        {
            "id": str(number),
            "embedding": vector,
            "metadata": {"half": number % 2, "tenth": number % 10, "hundredth": number % 100},
        }
        for number, vector in enumerate(VECTORS)
    )
    return docs


def test_hnsw_finds_nearly_all_of_the_exact_answer(docs: Collection) -> None:
    found = 0
    for query in QUERIES:
        exact = set(np.argsort(distances("cosine", query, VECTORS))[:10].astype(str))
        found += len(exact & {hit.id for hit in docs.search(query, 10)})
        assert "Index Scan using docs_g1_hnsw" in docs.explain(query, 10)
    assert found / (10 * len(QUERIES)) >= FLOOR


def test_the_report_says_the_same_and_is_kept(docs: Collection) -> None:
    done: list[int] = []
    report = docs.recall(sample=30, progress=done.append)
    assert report.recall >= FLOOR
    assert (report.index_used, report.sample, report.limit) == (True, 30, 10)
    assert done == list(range(1, 31))
    assert min(report.ann_p50_ms, report.exact_p50_ms) > 0
    own = docs.recall(queries=QUERIES, limit=20)
    assert own.recall >= FLOOR
    assert (own.sample, own.limit) == (len(QUERIES), 20)
    kept = rows(
        docs._database.url,
        'SELECT recall, "limit", sample, generation, settings FROM embeddb.recall_history '
        "ORDER BY id",
    )
    spec = {"method": "hnsw", "m": 16, "ef_construction": 64, "ef_search": None}
    assert kept == [(report.recall, 10, 30, 1, spec), (own.recall, 20, len(QUERIES), 1, spec)]


def test_without_an_index_the_report_says_so(docs: Collection) -> None:
    docs.drop_index()
    report = docs.recall(sample=10)
    assert (report.recall, report.index_used) == (1.0, False)


def test_an_index_that_finds_little_is_seen(docs: Collection) -> None:
    docs.create_index(IVFFlat(lists=100, probes=1))
    poor = docs.recall(sample=40)
    docs.create_index(HNSW(m=16, ef_construction=64, ef_search=200))
    good = docs.recall(sample=40)
    assert poor.recall < good.recall
    assert good.recall >= 0.99


@pytest.mark.parametrize(
    ("index", "distance", "floor"),
    [
        (HNSW(), "cosine", FLOOR),
        (HNSW(), "inner_product", 0.8),  # no metric: a graph is a poorer guide to it
        (IVFFlat(lists=10, probes=4), "cosine", 0.7),
    ],
)
def test_a_filtered_search_gives_as_many_rows_as_there_are(
    store: embeddb.Store, index: HNSW | IVFFlat, distance: str, floor: float
) -> None:
    docs = _collection(store, index=index, distance=distance)
    for share, wanted in ((2, {"half": 1}), (10, {"tenth": 3}), (100, {"hundredth": 42})):
        numbers = np.arange(5000) % share == next(iter(wanted.values()))
        found = 0
        for query in QUERIES[:15]:
            hits = docs.search(query, 10, filter=wanted)
            assert len(hits) == 10
            assert all(numbers[int(hit.id)] for hit in hits)
            allowed = np.flatnonzero(numbers)
            order = np.argsort(distances(distance, query, VECTORS[allowed]))[:10]
            found += len(set(allowed[order].astype(str)) & {hit.id for hit in hits})
        assert found / 150 >= floor, share


def test_equally_near_rows_count_as_found(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=4)
    docs.ingest({"id": str(i), "embedding": [1, i % 3, 0, 0]} for i in range(600))
    report = docs.recall(sample=50)
    assert report.recall == 1.0
