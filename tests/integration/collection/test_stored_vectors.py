"""Vectors as Postgres has them: what COPY wrote is what numpy says, and it comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import embeddb
from embeddb import Collection
from embeddb.db.vectors import to_int8
from embeddb.errors import InvalidVectorError
from embeddb.records import Vector
from embeddb.repository.collections.documents import Documents
from tests.support.postgres import rows
from tests.support.vectors import as_documents, clustered, distances

DIM = 19
"""No multiple of eight, so that bits have a rest to fill."""


def _stored(
    store: embeddb.Store, vectors: Vector, storage: str, distance: str = "l2", name: str = "docs"
) -> Collection:
    docs = store.create_collection(
        name,
        model=None,
        dim=vectors.shape[1],
        storage=storage,
        distance=distance,
        index=None,
    )
    docs.ingest(as_documents(vectors))
    return docs


def _read(docs: Collection, count: int) -> Vector:
    """Return the vectors as `Documents` reads them, in the order of their numbers."""
    found = Documents(docs._database, docs.record).first_vectors([f"v{i}" for i in range(count)])
    return np.stack([found[f"v{i}"] for i in range(count)])


def _rounded(vectors: Vector) -> Vector:
    """Return what int8 keeps: bytes, and a scale that is a half when it is multiplied."""
    values, scales = to_int8(vectors)
    halves = scales.astype(np.float16).astype(np.float32)
    product: Vector = (values * halves[:, np.newaxis]).astype(np.float16).astype(np.float32)
    return product


@pytest.mark.parametrize("fresh", [True, False], ids=["into an empty table", "merged"])
@pytest.mark.parametrize("storage", ["vector", "halfvec", "int8", "bit"])
def test_what_is_written_is_read_again(store: embeddb.Store, storage: str, fresh: bool) -> None:
    vectors = clustered(40, DIM, seed=21)
    docs = _stored(
        store, vectors if fresh else vectors[::-1], storage, "hamming" if storage == "bit" else "l2"
    )
    if not fresh:
        docs.ingest(as_documents(vectors))
    expected = {
        "vector": vectors,
        "halfvec": vectors.astype(np.float16).astype(np.float32),
        "int8": _rounded(vectors),
        "bit": np.where(vectors > 0, 1, -1).astype(np.float32),
    }[storage]
    assert np.array_equal(_read(docs, 40), expected)
    document = docs.get(["v7"], embeddings=True)[0]
    assert np.array_equal(np.asarray(document.embedding), expected[7])


def test_bytes_are_the_rounded_numbers_and_the_scale_is_a_127th_of_the_largest(
    store: embeddb.Store,
) -> None:
    vectors = clustered(30, DIM, seed=22) * np.float32(3)
    _stored(store, vectors, "int8")
    for id, values, scale in rows(
        store.url, "SELECT id, embedding::int4[], scale FROM embeddb.docs_g1"
    ):
        row = vectors[int(id[1:])]
        assert scale == pytest.approx(np.abs(row).max() / 127, rel=1e-6)
        assert np.abs(values).max() == 127
        assert np.abs(np.array(values) * scale - row).max() <= scale / 2 * 1.0001


def test_bits_are_those_that_pgvector_makes_of_the_same_numbers(store: embeddb.Store) -> None:
    vectors = clustered(30, DIM, seed=23)
    vectors[0, :3] = 0.0, -0.0, 1e-38
    _stored(store, vectors, "bit", "hamming")
    _stored(store, vectors, "vector", name="plain")
    statement = (
        "SELECT count(*), count(*) FILTER (WHERE b.embedding = binary_quantize(v.embedding)), "
        "max(length(b.embedding)) FROM embeddb.docs_g1 b JOIN embeddb.plain_g1 v USING (id)"
    )
    assert rows(store.url, statement) == [(30, 30, DIM)]


def _hits(docs: Collection, query: Any, count: int) -> Vector:  # noqa: ANN401
    found = {hit.id: hit.distance for hit in docs.search(query, count)}
    return np.array([found[f"v{i}"] for i in range(count)])


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product", "l1"])
def test_bytes_are_compared_by_what_they_stand_for(store: embeddb.Store, distance: str) -> None:
    vectors = clustered(25, DIM, seed=24) * np.linspace(0.5, 20, 25, dtype=np.float32)[:, None]
    query = clustered(1, DIM, seed=25)[0]
    docs = _stored(store, vectors, "int8", distance)
    kept = to_int8(vectors)[0].astype(np.float32) if distance == "cosine" else _rounded(vectors)
    half = query.astype(np.float16).astype(np.float32)
    expected = distances(distance, half, kept)
    assert np.allclose(_hits(docs, query, 25), expected, rtol=1e-5, atol=1e-5)
    true = distances(distance, query, vectors)
    assert np.corrcoef(expected, true)[0, 1] > 0.999


@pytest.mark.parametrize("distance", ["hamming", "jaccard"])
def test_bits_are_compared_by_the_signs_of_the_query(store: embeddb.Store, distance: str) -> None:
    vectors, query = clustered(25, DIM, seed=26), clustered(1, DIM, seed=27)[0]
    docs = _stored(store, vectors, "bit", distance)
    bits, asked = vectors > 0, query > 0
    expected = (bits != asked).sum(axis=1)
    if distance == "jaccard":
        expected = 1 - (bits & asked).sum(axis=1) / (bits | asked).sum(axis=1)
    assert np.allclose(_hits(docs, query, 25), expected)


ZERO = [0.0] * 4
EXTREMES: list[tuple[str, str, list[list[float]]]] = [
    ("int8", "l2", [ZERO, [-0.0, 0.0, -0.0, 0.0], [1, 2, 3, 4]]),
    ("int8", "inner_product", [ZERO, [1, 2, 3, 4]]),
    ("int8", "l1", [ZERO, [-5, 0, 0, 0]]),
    ("int8", "l2", [[65_500, -65_500, 1, 0], [65_499, 0, 0, 0], [1, 1, 1, 1]]),
    ("int8", "cosine", [[65_500, -65_500, 1, 0], [1e-3, 2e-3, 0, 0]]),
    ("int8", "l2", [[1e-3, 0, 0, 0], [1, 0, 0, 0]]),
    ("halfvec", "l2", [ZERO, [65_504, -65_504, 6e-8, 1e-9]]),
    ("bit", "hamming", [ZERO, [-0.0, 0.0, -1, 1], [1e18, -1e18, 1e-38, -1e-38]]),
    ("bit", "jaccard", [ZERO, [1, 1, 1, 1]]),
    ("vector", "l2", [ZERO, [1e18, -1e18, 1e-38, -0.0]]),
]


@pytest.mark.parametrize(("storage", "distance", "values"), EXTREMES)
def test_what_is_taken_at_the_edges_can_be_searched_and_read(
    store: embeddb.Store, storage: str, distance: str, values: list[list[float]]
) -> None:
    vectors = np.array(values, dtype=np.float32)
    docs = _stored(store, vectors, storage, distance)
    hits = docs.search([1, 0, 0, 0], 10)
    assert {hit.id for hit in hits} == {f"v{i}" for i in range(len(values))}
    assert np.isfinite([hit.distance for hit in hits]).all()
    back = _read(docs, len(values))
    assert np.isfinite(back).all()
    if storage == "bit":
        assert np.array_equal(back > 0, vectors > 0)
    else:
        largest = np.abs(vectors).max(axis=1, keepdims=True)
        assert (np.abs(back - vectors) <= largest / 100 + 1e-7).all()


@pytest.mark.parametrize("storage", ["halfvec", "int8"])
def test_what_a_half_cannot_hold_is_refused_before_it_is_written(
    store: embeddb.Store, storage: str
) -> None:
    docs = store.create_collection("docs", model=None, dim=2, storage=storage, index=None)
    for number, row in enumerate([[70_000, 1], [1e-9, 1e-9]]):
        with pytest.raises(InvalidVectorError):
            docs.add([{"id": f"v{number}", "embedding": row}])
    docs.add([{"id": "good", "embedding": [1, 1]}])
    for query in ([70_000, 1], [1e-9, 1e-9]):
        with pytest.raises(InvalidVectorError):
            docs.search(query)
    assert [hit.id for hit in docs.search([1, 1])] == ["good"]


def test_a_byte_s_rounding_is_what_the_distance_is_off_by(store: embeddb.Store) -> None:
    vectors = clustered(200, DIM, seed=28)
    docs = _stored(store, vectors, "int8", "cosine")
    query = clustered(1, DIM, seed=29)[0]
    true = distances("cosine", query, vectors)
    assert np.abs(_hits(docs, query, 200) - true).max() < 0.01


def test_bytes_too_small_to_be_told_apart_are_refused(store: embeddb.Store) -> None:
    docs = store.create_collection(
        "docs", model=None, dim=4, storage="int8", distance="l2", index=None
    )
    with pytest.raises(InvalidVectorError, match="float16"):
        docs.add([{"id": "v", "embedding": [1e-5, 0, 0, 0]}])
    vectors = np.eye(4, dtype=np.float32) * np.float32(1e-3)
    docs.add([{"id": f"v{number}", "embedding": row} for number, row in enumerate(vectors)])
    hits = docs.search(vectors[2], 4)
    assert hits[0].id == "v2"
    assert hits[0].distance < 1e-4
