"""A filter, however narrow and wherever its rows lie: as many rows as there are, and the nearest.

Documents pass filters of five widths, in three positions: near the query, far from it, or
anywhere.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from psycopg_pool import ConnectionPool

import embeddb
from embeddb import HNSW, Collection, Hit, IVFFlat
from embeddb.evaluation.recall import recall_of
from embeddb.repository.collections.functions import Functions
from embeddb.repository.search import document_rows, selectivity, strategies
from embeddb.schema.indexes import IndexSpec
from tests.support.plans import read_indexes, run, ways
from tests.support.postgres import rows, session
from tests.support.vectors import clustered, distances

ROWS = 5000
DIM = 64
_DRAWN = clustered(ROWS + 10, DIM, clusters=20, seed=31)
VECTORS, QUERIES = _DRAWN[:ROWS], _DRAWN[ROWS:]
QUERY = QUERIES[0]

WIDTHS = {"half": 2500, "tenth": 500, "hundredth": 50, "thousandth": 5, "none": 0}
"""Filters, and how many documents pass them."""

POSITIONS = ("near", "far", "anywhere")

FLOOR = 0.93
"""Recall of a filtered search whose rows come from an index, which is built at random."""

EXACT = "exact over the few that pass"
INDEX = "index"
BOTH = "index, then exact"

KINDS: dict[str, tuple[dict[str, Any], IndexSpec]] = {
    "hnsw": ({}, HNSW()),
    "hnsw on bits of bytes": ({"storage": "int8"}, HNSW(on="bit")),
    "ivfflat": ({}, IVFFlat(lists=40, probes=6)),
}

SETTINGS = (
    "hnsw.ef_search",
    "hnsw.iterative_scan",
    "hnsw.max_scan_tuples",
    "ivfflat.probes",
    "ivfflat.iterative_scan",
)


def _ranks() -> dict[str, NDArray[np.int64]]:
    """Return where each document stands in the order of each position."""
    order = np.argsort(distances("cosine", QUERY, VECTORS))
    drawn = np.random.default_rng(3).permutation(ROWS)
    return {
        position: np.argsort(standing)
        for position, standing in (("near", order), ("far", order[::-1]), ("anywhere", drawn))
    }


RANKS = _ranks()


def _documents() -> Iterator[dict[str, Any]]:
    for number, vector in enumerate(VECTORS):
        metadata = {
            position: [width for width, count in WIDTHS.items() if ranks[number] < count]
            for position, ranks in RANKS.items()
        }
        yield {
            "id": f"v{number}",
            "content": " ".join(metadata["anywhere"]) or "nothing",
            "metadata": metadata,
            "embedding": vector,
        }


def _passing(position: str, width: str) -> set[str]:
    return {f"v{number}" for number in np.flatnonzero(RANKS[position] < WIDTHS[width])}


@pytest.fixture(scope="module")
def collection(shared_store: embeddb.Store) -> Callable[[str], Collection]:
    @cache
    def make(kind: str) -> Collection:
        options, index = KINDS[kind]
        docs = shared_store.create_collection(kind, model=None, dim=DIM, index=index, **options)
        docs.ingest(_documents())
        return docs

    return make


@contextmanager
def _few(count: int) -> Iterator[None]:
    """Let so many documents, and no more, be few; and the sample see all, so that it is sure."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selectivity, "EXACT_ROWS", count)
        patch.setattr(selectivity, "PROBE_IF_BELOW", 2 * count)
        patch.setattr(document_rows, "SAMPLE_ROWS", ROWS * 100)
        yield


def _searched(docs: Collection, limit: int, filter: Any) -> list[Hit]:  # noqa: ANN401
    """Search with the constants as they are now."""
    return [
        Hit(id=row[0], chunk_no=row[1], content=row[2], metadata=row[3], distance=row[4], score=0)
        for row in run(docs, QUERY, limit, filter=filter)
    ]


def _is_misled(docs: Collection, position: str) -> bool:
    """Return whether what an index finds may not be the nearest; see the test that says so."""
    return docs.name == "hnsw on bits of bytes" and position == "far"


def _check(hits: list[Hit], docs: Collection, position: str, width: str, limit: int) -> None:
    """Check what holds for every filtered search, whatever its way."""
    passing = _passing(position, width)
    assert len(hits) == min(limit, len(passing))
    assert len({hit.id for hit in hits}) == len(hits)
    assert {hit.id for hit in hits} <= passing
    assert all(width in hit.metadata[position] for hit in hits)
    assert [hit.distance for hit in hits] == sorted(hit.distance for hit in hits)
    if not _is_misled(docs, position):
        exact = docs.search(QUERY, limit, filter={position: width}, exact=True)
        assert recall_of(hits, exact) >= FLOOR


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_filter_leaves_the_nearest_of_those_that_pass(
    collection: Callable[[str], Collection], kind: str, position: str, width: str
) -> None:
    docs = collection(kind)
    wanted = {position: width}
    for limit in (10, 60):
        hits = docs.search(QUERY, limit, filter=wanted)
        _check(hits, docs, position, width, limit)
        if WIDTHS[width] <= selectivity.EXACT_ROWS:
            exact = docs.search(QUERY, limit, filter=wanted, exact=True)
            assert [hit.id for hit in hits] == [hit.id for hit in exact]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_without_the_exact_way_the_index_and_what_follows_it_find_them_too(
    collection: Callable[[str], Collection], kind: str, position: str, width: str
) -> None:
    docs = collection(kind)
    with _few(0):
        for limit in (1, 10, 60):
            _check(_searched(docs, limit, {position: width}), docs, position, width, limit)


@pytest.mark.parametrize("kind", KINDS)
def test_many_that_pass_far_from_the_query_are_found_in_their_order(
    collection: Callable[[str], Collection], kind: str
) -> None:
    docs = collection(kind)
    exact = docs.search(QUERY, 10, filter={"far": "half"}, exact=True)
    assert recall_of(docs.search(QUERY, 10, filter={"far": "half"}), exact) >= FLOOR


def test_a_second_look_goes_as_far_as_what_passes(
    collection: Callable[[str], Collection],
) -> None:
    """Half of the documents pass, but none of the nearest sixty, and then none of the half."""
    docs = collection("hnsw")
    ranks = RANKS["near"]
    beyond_sixty = [f"v{row}" for row in range(ROWS) if ranks[row] >= 60 and ranks[row] % 2]
    beyond_half = [f"v{row}" for row in range(ROWS) if ranks[row] >= ROWS // 2]
    with _few(0), pytest.MonkeyPatch.context() as patch:
        patch.setattr(strategies, "ROWS_FOR_A_NEAREST", 1)
        for passing, way in ((beyond_sixty, INDEX), (beyond_half, BOTH)):
            wanted = docs.columns.id.in_(passing)
            assert ways(docs, QUERY, 10, filter=wanted) == {way}
            exact = docs.search(QUERY, 10, filter=wanted, exact=True)
            assert recall_of(_searched(docs, 10, wanted), exact) >= FLOOR


@pytest.mark.parametrize("kind", KINDS)
def test_recall_with_a_filter_is_that_of_many_queries(
    collection: Callable[[str], Collection], kind: str
) -> None:
    docs = collection(kind)
    wanted = {"anywhere": "tenth"}
    recalls = []
    with _few(0):
        for query in QUERIES:
            found = {row[0] for row in run(docs, query, filter=wanted)}
            exact = docs.search(query, filter=wanted, exact=True)
            recalls.append(len(found & {hit.id for hit in exact}) / 10)
    assert np.mean(recalls) >= FLOOR


# the three ways

WAYS: list[tuple[int, str, str, str]] = [
    (2000, "anywhere", "tenth", EXACT),
    (2000, "near", "half", INDEX),
    (500, "far", "tenth", EXACT),
    (499, "near", "tenth", INDEX),
    (0, "near", "hundredth", INDEX),
    (0, "far", "thousandth", BOTH),
]


@pytest.mark.parametrize(("few", "position", "width", "way"), WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_way_follows_how_many_pass_and_where_they_lie(
    collection: Callable[[str], Collection],
    kind: str,
    few: int,
    position: str,
    width: str,
    way: str,
) -> None:
    docs = collection(kind)
    index = docs.record.tables.vector_index(KINDS[kind][1].method)
    with _few(few):
        found = ways(docs, QUERY, 10, filter={position: width})
        read = read_indexes(docs, QUERY, 10, filter={position: width})
    assert found == {way}
    assert (index in read) == (way != EXACT)


@pytest.mark.parametrize("width", ["half", "tenth", "hundredth"])
@pytest.mark.parametrize("kind", ["hnsw", "ivfflat"])
def test_where_the_nearest_do_not_pass_all_that_pass_are_compared(
    collection: Callable[[str], Collection], kind: str, width: str
) -> None:
    docs = collection(kind)
    wanted = {"far": width}
    with _few(0):
        found = run(docs, QUERY, 10, filter=wanted, plan=True)
    assert {row[-1] for row in found} == {BOTH}
    exact = docs.search(QUERY, 10, filter=wanted, exact=True)
    assert [row[0] for row in found] == [hit.id for hit in exact]


@pytest.mark.filterwarnings("ignore::embeddb.errors.FilterWarning")
def test_rows_that_nobody_has_are_looked_for_without_the_index(
    collection: Callable[[str], Collection],
) -> None:
    docs = collection("hnsw")
    assert docs.search(QUERY, filter={"nobody": "has"}) == []
    assert "hnsw_g1_hnsw" not in read_indexes(docs, QUERY, filter={"nobody": "has"})


@pytest.mark.parametrize(("few", "position", "width", "way"), WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_expression_of_sqlalchemy_s_takes_the_same_ways(
    collection: Callable[[str], Collection],
    kind: str,
    few: int,
    position: str,
    width: str,
    way: str,
) -> None:
    docs = collection(kind)
    expression = sa.func.jsonb_exists(docs.columns.metadata[position], width)
    with _few(few):
        assert ways(docs, QUERY, 10, filter=expression) == ways(
            docs, QUERY, 10, filter={position: width}
        )
        by_expression = run(docs, QUERY, 10, filter=expression)
        by_json = run(docs, QUERY, 10, filter={position: width})
    assert by_expression == by_json
    assert len(by_json) == min(10, WIDTHS[width])


def test_an_expression_over_other_columns_is_sampled_too(
    collection: Callable[[str], Collection],
) -> None:
    docs = collection("hnsw")
    expression = docs.columns.content.like("half%") & docs.columns.uri.is_(None)
    hits = docs.search(QUERY, 20, filter=expression)
    _check(hits, docs, "anywhere", "half", 20)


# the SQL function


def _call(
    connection: psycopg.Connection[Any], docs: Collection, limit: int, filter: dict[str, Any]
) -> list[tuple[str, float]]:
    literal = "[" + ",".join(map(repr, QUERY.tolist())) + "]"
    function = psycopg.sql.Identifier("embeddb", docs.record.tables.search_function)
    call = psycopg.sql.SQL("SELECT id, distance FROM {}(%s::vector, %s, %s)").format(function)
    return connection.execute(call, [literal, limit, json.dumps(filter)]).fetchall()


@pytest.mark.parametrize(("few", "position", "width", "way"), WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_function_gives_the_same_rows_by_every_way(
    collection: Callable[[str], Collection],
    kind: str,
    few: int,
    position: str,
    width: str,
    way: str,
) -> None:
    docs = collection(kind)
    database = docs._database
    with (
        _few(few),
        session(database.url) as connection,
        connection.transaction(force_rollback=True),
    ):
        Functions(database).create_search(connection, docs.record)
        for limit in (1, 10, 45):
            expected = run(docs, QUERY, limit, filter={position: width})
            found = _call(connection, docs, limit, {position: width})
            assert found == [(row[0], row[4]) for row in expected]


# settings


def _show(connection: psycopg.Connection[Any]) -> list[Any]:
    connection.execute("SELECT '[1]'::vector")  # loads pgvector, which knows its settings
    return [connection.execute("SHOW " + name).fetchone() for name in SETTINGS]


FILTERED = [{position: width} for position, width in itertools.product(POSITIONS, WIDTHS)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_filtered_search_leaves_the_session_s_settings(
    collection: Callable[[str], Collection], kind: str
) -> None:
    url = collection(kind)._database.url
    with ConnectionPool(url, min_size=1, max_size=1) as pool, embeddb.connect(pool) as store:
        docs = store.collection(kind)
        with pool.connection() as connection:
            connection.execute("SELECT '[1]'::vector")
            connection.execute("SET hnsw.ef_search = 77")
            connection.execute("SET ivfflat.probes = 3")
            connection.commit()
            before = _show(connection)
        for wanted in FILTERED:
            docs.search(QUERY, 60, filter=wanted)
            docs.search_many(QUERIES[:2], 10, filter=wanted)
        with pool.connection() as connection:
            assert _show(connection) == before


@pytest.mark.parametrize("kind", KINDS)
def test_the_function_leaves_the_settings_of_the_caller_s_transaction(
    collection: Callable[[str], Collection], kind: str
) -> None:
    docs = collection(kind)
    with session(docs._database.url) as connection, connection.transaction():
        _show(connection)
        connection.execute("SET LOCAL hnsw.ef_search = 77")
        connection.execute("SET LOCAL hnsw.max_scan_tuples = 1234")
        connection.execute("SET LOCAL ivfflat.probes = 3")
        before = _show(connection)
        for wanted in FILTERED:
            _call(connection, docs, 60, wanted)
            assert _show(connection) == before, wanted


# thresholds and limits


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("position", POSITIONS)
def test_a_threshold_and_a_filter_both_hold(
    collection: Callable[[str], Collection], kind: str, position: str
) -> None:
    docs = collection(kind)
    for width in ("half", "hundredth"):
        hits = docs.search(QUERY, 40, filter={position: width})
        bound = hits[14].distance
        near = docs.search(QUERY, 40, filter={position: width}, max_distance=bound)
        exact = docs.search(QUERY, 40, filter={position: width}, max_distance=bound, exact=True)
        assert all(hit.distance <= bound for hit in near)
        assert {hit.id for hit in near} <= _passing(position, width)
        assert near
        if not _is_misled(docs, position):
            assert recall_of(near, exact) >= FLOOR
        assert docs.search(QUERY, 40, filter={position: width}, max_distance=-2) == []


@pytest.mark.parametrize("limit", [41, 1001, 2600])
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_beyond_what_a_scan_holds_is_filled(
    collection: Callable[[str], Collection], kind: str, position: str, limit: int
) -> None:
    docs = collection(kind)
    for width in ("half", "tenth"):
        hits = docs.search(QUERY, limit, filter={position: width})
        assert len(hits) == min(limit, WIDTHS[width])
        assert {hit.id for hit in hits} <= _passing(position, width)
        if not _is_misled(docs, position):
            exact = docs.search(QUERY, limit, filter={position: width}, exact=True)
            assert recall_of(hits, exact) >= FLOOR


# what the sample knows


def test_a_collection_that_was_never_analyzed_is_searched_all_the_same(
    store: embeddb.Store,
) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    docs.ingest(itertools.islice(_documents(), 300))
    rows(store.url, "UPDATE pg_class SET reltuples = -1 WHERE relname IN ('docs', 'docs_g1')")
    for width in ("half", "tenth", "none"):
        wanted = {"anywhere": width}
        exact = docs.search(QUERY, 20, filter=wanted, exact=True)
        assert docs.search(QUERY, 20, filter=wanted) == exact


@pytest.mark.parametrize("believed", [1, 300, 10**9])
def test_a_wrong_belief_about_the_number_of_rows_costs_no_row(
    store: embeddb.Store, believed: int
) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    docs.ingest(itertools.islice(_documents(), 3000))
    rows(store.url, "UPDATE pg_class SET reltuples = %s WHERE relname = 'docs'", [believed])
    for position, width in itertools.product(POSITIONS, ("half", "tenth", "none")):
        exact = docs.search(QUERY, 20, filter={position: width}, exact=True)
        hits = docs.search(QUERY, 20, filter={position: width})
        assert len(hits) == len(exact)
        assert recall_of(hits, exact) >= FLOOR
