"""Every kind of column, distance and index: the index is read, and finds what is near."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache

import pytest

import embeddb
from embeddb import HNSW, Collection, Hit, IVFFlat
from embeddb.evaluation.recall import recall_of
from embeddb.schema.distances import Distance
from embeddb.schema.storage import Storage
from tests.support.plans import read_indexes
from tests.support.vectors import as_documents, clustered

ROWS = 3000
DIM = 64
_DRAWN = clustered(ROWS + 20, DIM, seed=41)
VECTORS, QUERIES = _DRAWN[:ROWS], _DRAWN[ROWS:]

ON = (None, "halfvec", "bit", "bit2", "bit3", "subvector:32", "pca:32")
FLOOR = 0.9
"""Recall of the ten nearest that each index must have with its own oversample."""

METHODS: dict[str, Callable[[str | None], HNSW | IVFFlat]] = {
    "hnsw": lambda on: HNSW(m=12, ef_construction=48, on=on),
    "ivfflat": lambda on: IVFFlat(lists=30, probes=15, on=on),
}


def _cases() -> Sequence[tuple[str, str, str | None, str]]:
    cases: list[tuple[str, str, str | None, str]] = []
    for storage, distance, on, method in itertools.product(Storage, Distance, ON, METHODS):
        if (storage is Storage.BIT) != distance.of_bits:
            continue
        if storage is Storage.BIT and on is not None:
            continue
        if on == "halfvec" and storage is not Storage.VECTOR:
            continue  # it is one already
        of_its_own = on is None or not on.startswith("bit")
        if method == "ivfflat" and of_its_own and distance in (Distance.L1, Distance.JACCARD):
            continue  # pgvector has no such operator class
        if on == "pca:32" and distance is Distance.L1:
            continue  # a rotation does not keep it
        cases.append((storage.label, distance.label, on, method))
    return cases


Truths = Callable[[Collection], list[list[Hit]]]


@pytest.fixture(scope="module")
def collection(shared_store: embeddb.Store) -> Callable[[str, str, str | None], Collection]:
    """Make each collection once; its index is replaced by the test that uses it."""

    @cache
    def make(storage: str, distance: str, transform: str | None) -> Collection:
        docs = shared_store.create_collection(
            f"{storage} {distance} {transform}",
            model=None,
            dim=DIM,
            storage=storage,
            distance=distance,
            transform=transform,
            index=None,
            normalize=distance == "inner_product",
        )
        docs.ingest(as_documents(VECTORS))
        return docs

    return make


@pytest.fixture(scope="module")
def truths() -> Truths:
    """Ask each collection once what is nearest."""

    @cache
    def ask(docs: Collection) -> list[list[Hit]]:
        return [docs.search(query, 10, exact=True) for query in QUERIES]

    return ask


@pytest.mark.parametrize(("storage", "distance", "on", "method"), _cases())
def test_an_index_is_read_and_finds_what_is_near(
    collection: Callable[[str, str, str | None], Collection],
    truths: Truths,
    storage: str,
    distance: str,
    on: str | None,
    method: str,
) -> None:
    docs = collection(storage, distance, "rotation:pca" if on == "pca:32" else None)
    docs.create_index(METHODS[method](on))
    assert docs.record.tables.vector_index(method) in read_indexes(docs, QUERIES[0])
    assert _recall(docs, truths) >= FLOOR


@pytest.mark.parametrize("on", ["bit", "subvector:32"])
def test_without_rescoring_a_smaller_form_does_not_find_it(
    collection: Callable[[str, str, str | None], Collection], truths: Truths, on: str
) -> None:
    docs = collection("int8", "cosine", None)
    docs.create_index(HNSW(on=on, oversample=1))
    assert docs.record.tables.vector_index("hnsw") in read_indexes(docs, QUERIES[0])
    poor = _recall(docs, truths)
    docs.create_index(HNSW(on=on))
    assert poor < FLOOR <= _recall(docs, truths)


def _recall(docs: Collection, truths: Truths) -> float:
    found = docs.search_many(QUERIES, 10)
    recalls = [recall_of(hits, truth) for hits, truth in zip(found, truths(docs), strict=True)]
    return sum(recalls) / len(recalls)
