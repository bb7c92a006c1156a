"""An index finds what exact search finds, and as many rows as were asked for."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
from psycopg.conninfo import make_conninfo

import embeddb
from embeddb import HNSW, Collection, Hit, IVFFlat
from embeddb.evaluation.recall import recall_of
from embeddb.schema.indexes import IndexSpec
from tests.support.postgres import one, role, rows, session
from tests.support.vectors import as_documents, clustered, distances

ROWS = 4000
DIM = 64
_DRAWN = clustered(ROWS + 50, DIM, seed=1)
VECTORS, QUERIES = _DRAWN[:ROWS], _DRAWN[ROWS:]
QUERY = QUERIES[0]

HNSW_FLOOR = 0.95
IVFFLAT_FLOOR = 0.9

FILTERS: list[tuple[dict[str, Any], int]] = [
    ({"even": True}, ROWS // 2),
    ({"even": {"$ne": True}}, ROWS // 2),
    ({"tenth": 3}, ROWS // 10),
    ({"hundredth": 7}, ROWS // 100),
    ({"hundredth": {"$lt": 1}}, ROWS // 100),
    ({"far": True}, ROWS // 100),
]
"""Filters, and how many documents pass them."""

READER = (
    "GRANT USAGE ON SCHEMA embeddb TO {}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA embeddb TO {}",
)


def _documents() -> list[dict[str, Any]]:
    """Mark 1 % of the documents at random, and the 1 % that are farthest from the query."""
    far = set(np.argsort(distances("cosine", QUERY, VECTORS))[-ROWS // 100 :].tolist())
    documents: list[dict[str, Any]] = as_documents(VECTORS)
    for number, document in enumerate(documents):
        document["metadata"] |= {"hundredth": number % 100, "far": number in far}
    return documents


def _collection(store: embeddb.Store, index: IndexSpec | None, **options: Any) -> Collection:  # noqa: ANN401
    docs = store.create_collection("docs", model=None, dim=DIM, index=index, **options)
    docs.add(_documents())
    return docs


def _reads(docs: Collection, index: str, limit: int = 10, **wanted: Any) -> bool:  # noqa: ANN401
    return docs.record.tables.vector_index(index) in docs.explain(QUERY, limit, **wanted)


@contextmanager
def _without_other_plans(store: embeddb.Store) -> Iterator[Collection]:
    """Open the collection where Postgres has hardly a way around the vector index."""
    options = "-c enable_seqscan=off -c enable_bitmapscan=off -c enable_sort=off"
    with embeddb.connect(make_conninfo(store.url, options=options)) as forced:
        yield forced.collection("docs")


@pytest.mark.parametrize(
    ("index", "floor", "options"),
    [
        (HNSW(), HNSW_FLOOR, {}),
        (HNSW(), HNSW_FLOOR, {"storage": "halfvec", "distance": "l2"}),
        (HNSW(), HNSW_FLOOR, {"distance": "inner_product", "normalize": True}),
        (IVFFlat(), IVFFLAT_FLOOR, {}),
        (IVFFlat(lists=60), IVFFLAT_FLOOR, {"distance": "l2"}),
    ],
    ids=["hnsw cosine", "hnsw l2 halfvec", "hnsw ip", "ivfflat", "ivfflat of many lists"],
)
def test_an_index_finds_what_exact_search_finds(
    store: embeddb.Store, index: HNSW | IVFFlat, floor: float, options: dict[str, Any]
) -> None:
    docs = _collection(store, index, **options)
    report = docs.recall(sample=150)
    assert report.index_used
    assert _reads(docs, index.method)
    assert (report.sample, report.limit) == (150, 10)
    assert report.recall >= floor
    assert docs.recall(queries=QUERIES).recall >= floor


def test_exact_search_is_exact(store: embeddb.Store) -> None:
    docs = _collection(store, HNSW())
    expected = np.sort(distances("cosine", QUERY, VECTORS))[:20]
    found = [hit.distance for hit in docs.search(QUERY, 20, exact=True)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_recall_without_an_index_says_so(store: embeddb.Store) -> None:
    docs = _collection(store, None)
    report = docs.recall(sample=5)
    assert (report.recall, report.index_used) == (1.0, False)
    docs.create_index(HNSW())
    assert docs.recall(sample=5).index_used
    docs.drop_index()
    assert not docs.recall(sample=5).index_used


def test_a_graph_that_is_too_poor_is_told(store: embeddb.Store) -> None:
    docs = _collection(store, HNSW(m=2, ef_construction=4, ef_search=1))
    report = docs.recall(sample=50)
    assert report.index_used
    assert report.recall < HNSW_FLOOR


def test_equally_near_rows_count_as_found() -> None:
    def hits(*found: tuple[str, float]) -> list[Hit]:
        return [
            Hit(id=id, chunk_no=0, content=None, metadata={}, distance=distance, score=-distance)
            for id, distance in found
        ]

    truth = hits(("a", 0.1), ("b", 0.2))
    assert recall_of(hits(("a", 0.1), ("c", 0.2)), truth) == 1.0
    assert recall_of(hits(("a", 0.1), ("c", 0.2 + 1e-8)), truth) == 1.0
    assert recall_of(hits(("a", 0.1), ("c", 0.21)), truth) == 0.5
    assert recall_of([], truth) == 0.0
    assert recall_of([], []) == 1.0


def test_many_copies_of_a_vector_do_not_lower_recall(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    docs.add(as_documents(np.concatenate([VECTORS[:1500], np.repeat(VECTORS[:1], 100, axis=0)])))
    report = docs.recall(queries=np.repeat(VECTORS[:1], 5, axis=0))
    assert report.index_used
    assert report.recall == 1.0


def test_what_was_measured_is_kept(store: embeddb.Store) -> None:
    docs = _collection(store, HNSW())
    reports = [docs.recall(sample=20), docs.recall(sample=10, limit=5)]
    kept = rows(
        store.url,
        "SELECT recall, \"limit\", sample, generation, settings->>'method', measured_at <= now() "
        "FROM embeddb.recall_history ORDER BY id",
    )
    assert kept == [(r.recall, r.limit, r.sample, 1, "hnsw", True) for r in reports]


def test_a_reader_can_measure(store: embeddb.Store) -> None:
    _collection(store, HNSW())
    with role(store.url, *READER) as url, embeddb.connect(url) as reading:
        report = reading.collection("docs").recall(sample=20)
    assert report.index_used
    assert report.recall >= HNSW_FLOOR
    assert one(store.url, "SELECT count(*) FROM embeddb.recall_history") == 0


@pytest.mark.parametrize("index", [HNSW(), IVFFlat(lists=60, probes=1)], ids=["hnsw", "ivfflat"])
@pytest.mark.parametrize("forced", [False, True], ids=["as planned", "by the index"])
def test_a_filter_leaves_as_many_rows_as_there_are(
    store: embeddb.Store, index: HNSW | IVFFlat, forced: bool
) -> None:
    planned = _collection(store, index)
    with _without_other_plans(store) if forced else nullcontext(planned) as docs:
        for filter, passing in FILTERS:
            for limit in (10, 40, 300):
                if forced:
                    assert _reads(docs, index.method, limit, filter=filter)
                hits = docs.search(QUERY, limit, filter=filter)
                assert len(hits) == min(limit, passing), filter
                assert [hit.distance for hit in hits] == sorted(hit.distance for hit in hits)


@pytest.mark.parametrize("index", [HNSW(), IVFFlat(lists=60, probes=1)], ids=["hnsw", "ivfflat"])
def test_a_limit_is_not_capped_by_the_index(store: embeddb.Store, index: HNSW | IVFFlat) -> None:
    _collection(store, index)
    with _without_other_plans(store) as docs:
        for limit in (41, 200, 1000, 1200):
            assert _reads(docs, index.method, limit)
            assert len({hit.id for hit in docs.search(QUERY, limit)}) == limit


@pytest.mark.parametrize("index", [HNSW(), IVFFlat(lists=60, probes=1)], ids=["hnsw", "ivfflat"])
def test_deleted_neighbours_do_not_use_up_a_search(
    store: embeddb.Store, index: HNSW | IVFFlat
) -> None:
    docs = _collection(store, index)
    rows(store.url, "ALTER TABLE embeddb.docs_g1 SET (autovacuum_enabled = off)")
    near = np.argsort(distances("cosine", QUERY, VECTORS))[:120]
    assert docs.delete(ids=[f"v{number}" for number in near]) == len(near)
    assert _reads(docs, index.method)
    assert len(docs.search(QUERY, 10)) == 10


@pytest.mark.parametrize("index", [HNSW(), IVFFlat()], ids=["hnsw", "ivfflat"])
def test_the_function_reads_the_index_too(store: embeddb.Store, index: HNSW | IVFFlat) -> None:
    docs = _collection(store, index)
    name = "embeddb." + docs.record.tables.vector_index(index.method)
    literal = "[" + ",".join(map(repr, QUERY.tolist())) + "]"
    scans = "SELECT pg_stat_get_xact_numscans(%s::regclass)"
    with session(store.url) as connection, connection.transaction():
        for calls, bound in enumerate((None, 10.0)):
            assert connection.execute(scans, [name]).fetchone() == (calls,)
            call = "SELECT count(*) FROM embeddb.docs_search(%s::vector, 7, NULL, %s)"
            assert connection.execute(call, [literal, bound]).fetchone() == (7,)
            assert connection.execute(scans, [name]).fetchone() == (calls + 1,)


def test_rows_that_no_search_finds_are_told_though_recall_is_high(store: embeddb.Store) -> None:
    """Three words of each row are hashed to dimensions, so that most rows are tied with others."""
    rows_, size = 3000, 512
    vectors = np.zeros((rows_, size), np.float32)
    for row in range(rows_):
        for place in (zlib.crc32(f"word{row}".encode()), zlib.crc32(f"word{row % 50}".encode()), 0):
            vectors[row, place % size] += 1
    docs = store.create_collection("docs", model=None, dim=size)
    docs.add(as_documents(vectors))
    docs.create_index(HNSW())
    missed = sum(docs.search(vector, 1)[0].distance > 1e-3 for vector in vectors[::10])
    assert missed > 10
    report = docs.recall(sample=200)
    assert report.index_used and report.reachable is not None
    assert report.reachable < min(0.95, report.recall)  # the graph is another one each time
    assert docs.recall_history()[0].reachable == report.reachable
    docs.create_index(IVFFlat())
    assert docs.recall(sample=200).reachable == 1.0
    assert docs.recall(queries=vectors[:3]).reachable is None


@pytest.mark.parametrize(
    ("storage", "distance"),
    [
        *(
            (storage, distance)
            for storage in ("vector", "halfvec", "int8")
            for distance in ("cosine", "l2", "inner_product", "l1")
        ),
        ("bit", "hamming"),
        ("bit", "jaccard"),
    ],
)
def test_what_is_compared_row_by_row_is_reached(
    store: embeddb.Store, storage: str, distance: str
) -> None:
    docs = store.create_collection(
        "docs", model=None, dim=DIM, storage=storage, distance=distance, index=None
    )
    docs.add(as_documents(VECTORS[:200]))
    assert docs.recall(sample=50).reachable == 1.0
