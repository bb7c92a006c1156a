"""Vectors of any length: an index is built where pgvector has one, and is read."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import embeddb
from embeddb import HNSW, Collection, IVFFlat
from embeddb.errors import ConfigurationError, IndexResolvedWarning
from embeddb.evaluation.recall import recall_of
from embeddb.records import Vector
from tests.support.plans import read_indexes
from tests.support.vectors import as_documents, clustered, distances

ROWS = 1000
"""Of much fewer rows Postgres reads all rather than an index."""


def _collection(store: embeddb.Store, vectors: Vector, **options: Any) -> Collection:  # noqa: ANN401
    docs = store.create_collection("docs", model=None, dim=vectors.shape[1], **options)
    docs.ingest(as_documents(vectors))
    return docs


def _drawn(dim: int, rows: int = ROWS) -> tuple[Vector, Vector]:
    drawn = clustered(rows + 2, dim, clusters=20, seed=dim)
    return drawn[:rows], drawn[rows:]


def _check(docs: Collection, queries: Vector, method: str = "hnsw") -> None:
    """Check that the index is read, and that it finds what exact search finds."""
    assert docs.record.tables.vector_index(method) in read_indexes(docs, queries[0])
    recalls = [
        recall_of(docs.search(query, 10), docs.search(query, 10, exact=True)) for query in queries
    ]
    assert np.mean(recalls) >= 0.9


def test_4096_dimensions_are_indexed_by_default(store: embeddb.Store) -> None:
    vectors, queries = _drawn(4096)
    with pytest.warns(IndexResolvedWarning, match=r"these have 4,096.*on='bit'"):
        docs = store.create_collection("docs", model=None, dim=4096)
    docs.ingest(as_documents(vectors))
    assert docs.record.generation.index == HNSW(on="bit")
    _check(docs, queries)
    nearest = np.argsort(distances("cosine", queries[0], vectors))[:3]
    assert [hit.id for hit in docs.search(queries[0], 3)] == [f"v{row}" for row in nearest]


@pytest.mark.parametrize(
    ("storage", "distance", "on", "rows"),
    [
        ("int8", "cosine", "bit", 400),
        ("int8", "l2", "bit2", 700),
        ("bit", "hamming", None, ROWS),
    ],
)
def test_16000_dimensions_are_stored_small_and_indexed(
    store: embeddb.Store, storage: str, distance: str, on: str | None, rows: int
) -> None:
    vectors, queries = _drawn(16_000, rows)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        docs = _collection(store, vectors, storage=storage, distance=distance)
    told = [warning for warning in caught if warning.category is IndexResolvedWarning]
    assert len(told) == (on is not None)
    assert docs.record.generation.index == HNSW(on=on)
    _check(docs, queries)


def test_4096_dimensions_are_indexed_by_ivfflat_too(store: embeddb.Store) -> None:
    vectors, queries = _drawn(4096)
    with pytest.warns(IndexResolvedWarning):
        docs = _collection(store, vectors, index=IVFFlat(lists=8, probes=6))
    _check(docs, queries, "ivfflat")


@pytest.mark.parametrize("storage", ["vector", "halfvec", "int8"])
@pytest.mark.parametrize("distance", ["l2", "inner_product", "l1"])
def test_one_dimension_is_enough(store: embeddb.Store, storage: str, distance: str) -> None:
    vectors = np.linspace(-1, 1, 2000, dtype=np.float32)[:, np.newaxis]
    docs = _collection(store, vectors, storage=storage, distance=distance)
    assert docs.record.tables.vector_index("hnsw") in read_indexes(docs, vectors[7])
    found, exact = docs.search(vectors[7], 5), docs.search(vectors[7], 5, exact=True)
    if distance == "inner_product":  # a graph of products leads to the largest only by chance
        assert len(found) == len(exact) == 5
    else:
        assert [hit.distance for hit in found] == [hit.distance for hit in exact]


def test_one_bit_is_enough(store: embeddb.Store) -> None:
    vectors = np.array([[1], [-1], [2], [-2]], dtype=np.float32)
    docs = _collection(store, vectors, storage="bit", distance="hamming")
    hits = docs.search([3], 4)
    assert [hit.distance for hit in hits] == [0, 0, 1, 1]
    assert {hit.id for hit in hits[:2]} == {"v0", "v2"}


@pytest.mark.parametrize("storage", ["vector", "halfvec", "int8", "bit"])
@pytest.mark.parametrize("dim", [0, 16_001])
def test_more_than_16000_dimensions_or_none_are_refused(
    store: embeddb.Store, storage: str, dim: int
) -> None:
    distance = "hamming" if storage == "bit" else "cosine"
    with pytest.raises(ConfigurationError, match="dim must be from 1 to 16000"):
        store.create_collection("docs", model=None, dim=dim, storage=storage, distance=distance)
    assert store.collections() == []
