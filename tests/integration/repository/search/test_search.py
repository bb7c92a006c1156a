"""What a search finds, and what it leaves alone."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from psycopg_pool import ConnectionPool
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

import embeddb
from embeddb import HNSW, Collection, IVFFlat
from embeddb.errors import (
    ConfigurationError,
    DimensionMismatchError,
    FilterError,
    InvalidVectorError,
    ModelMismatchError,
)
from tests.support.encoders import HashEncoder
from tests.support.filters import passes
from tests.support.postgres import rows
from tests.support.vectors import as_documents, clustered, distances, score

DIM = 12
VECTORS = clustered(400, DIM, seed=5)
QUERY = clustered(1, DIM, seed=6)[0]


@pytest.fixture
def docs(store: embeddb.Store) -> Collection:
    docs = store.create_collection("docs", model=None, dim=DIM, index=HNSW(ef_search=400))
    docs.add(as_documents(VECTORS))
    return docs


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product", "l1"])
@pytest.mark.parametrize("storage", ["vector", "halfvec"])
def test_hits_carry_the_right_distance_and_score(
    store: embeddb.Store, distance: str, storage: str
) -> None:
    docs = store.create_collection(
        "docs", model=None, dim=DIM, distance=distance, storage=storage, index=None
    )
    docs.add(as_documents(VECTORS))
    stored = VECTORS.astype(np.float16).astype(np.float32) if storage == "halfvec" else VECTORS
    query = QUERY.astype(np.float16).astype(np.float32) if storage == "halfvec" else QUERY
    expected = distances(distance, query, stored)
    order = np.argsort(expected, kind="stable")[:25]
    hits = docs.search(QUERY, 25)
    assert [hit.id for hit in hits] == [f"v{i}" for i in order]
    for hit, row in zip(hits, order, strict=True):
        assert hit.distance == pytest.approx(expected[row], rel=1e-4, abs=1e-5)
        assert hit.score == pytest.approx(score(distance, hit.distance))
        assert hit.content == f"text {row}"
        assert hit.metadata["number"] == row
    assert docs.search(QUERY, 25, exact=True) == hits


FILTERS: list[dict[str, Any]] = [
    {"number": 7},
    {"number": {"$eq": 7.0}},
    {"number": {"$ne": 7}},
    {"number": {"$lt": 20, "$gte": 10}},
    {"number": {"$in": [1, 2, 3, "4"]}},
    {"tenth": {"$nin": [0, 1, 2]}},
    {"number": {"$between": [100, 150]}},
    {"missing": {"$exists": False}},
    {"even": True, "tenth": {"$gt": 4}},
    {"$or": [{"number": {"$lt": 5}}, {"number": {"$gt": 395}}]},
    {"$and": [{"even": False}, {"$not": {"tenth": 3}}]},
    {"missing": 1},
]


@pytest.mark.filterwarnings("ignore::embeddb.errors.FilterWarning")
def test_a_filter_is_obeyed_in_every_form(docs: Collection) -> None:
    metadata = {f"v{i}": {"number": i, "even": i % 2 == 0, "tenth": i % 10} for i in range(400)}
    for wanted in FILTERS:
        allowed = {id for id, document in metadata.items() if passes(wanted, document)}
        hits = docs.search(QUERY, 400, filter=wanted)
        assert {hit.id for hit in hits} == allowed, wanted
        assert [hit.distance for hit in hits] == sorted(hit.distance for hit in hits)
        assert docs.count(wanted) == len(allowed)
        assert docs.search_many([QUERY], 400, filter=wanted) == [hits]


def test_an_expression_of_sqlalchemy_s_is_a_filter_too(docs: Collection) -> None:
    columns = docs.columns
    number = columns.metadata["number"].as_integer()
    for expression, expected in (
        (columns.id == "v7", {7}),
        (columns.id.in_(["v1", "v2", "nobody"]), {1, 2}),
        (columns.content.like("text 39%"), {39, *range(390, 400)}),
        (sa.and_(number > 10, number <= 12), {11, 12}),
        (columns.uri.is_not(None), set()),
        (columns.content == "100% 'quoted' %s", set()),
        (columns.updated_at > sa.func.now() - sa.text("interval '1 day'"), set(range(400))),
    ):
        hits = docs.search(QUERY, 400, filter=expression)
        assert {hit.id for hit in hits} == {f"v{i}" for i in expected}
        assert docs.count(expression) == len(expected)
        assert "SELECT" in docs.sql(QUERY, filter=expression)


@pytest.mark.parametrize("made", ["before the index", "by another handle"])
def test_an_expression_is_a_filter_wherever_it_was_made(store: embeddb.Store, made: str) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM, index=IVFFlat())
    expression = docs.columns.id == "v7"
    docs.add(as_documents(VECTORS))
    if made == "by another handle":
        expression = store.collection("docs").columns.id == "v7"
    assert [hit.id for hit in docs.search(QUERY, filter=expression)] == ["v7"]


def test_an_expression_may_hold_json(docs: Collection) -> None:
    expression = docs.columns.metadata.contains({"number": 7})
    assert [hit.id for hit in docs.search(QUERY, filter=expression)] == ["v7"]


@pytest.mark.parametrize(
    "wanted",
    [{"$nope": 1}, {"a": {"$regex": "x"}}, {"a": [1]}, {"": 1}, {"$or": []}, {"a": {"$in": 3}}],
)
def test_a_malformed_filter_is_an_error_everywhere(
    docs: Collection, wanted: dict[str, Any]
) -> None:
    for action in (
        lambda: docs.search(QUERY, filter=wanted),
        lambda: docs.search_many([QUERY], filter=wanted),
        lambda: docs.similar("v1", filter=wanted),
        lambda: docs.count(wanted),
        lambda: docs.delete(filter=wanted),
        lambda: docs.explain(QUERY, filter=wanted),
    ):
        with pytest.raises(FilterError):
            action()
    assert docs.count() == 400


def test_a_filter_that_is_not_json_is_an_error_of_ours(docs: Collection) -> None:
    for wanted in ({"a": float("nan")}, {"a": {1, 2}}, {"a": "\0"}, {"a": "\ud800"}, {"a": b"x"}):
        with pytest.raises(FilterError):
            docs.search(QUERY, filter=wanted)


def test_max_distance_leaves_out_what_is_farther(docs: Collection) -> None:
    hits = docs.search(QUERY, 50)
    bound = hits[19].distance
    assert docs.search(QUERY, 50, max_distance=bound) == hits[:20]
    assert docs.search(QUERY, 50, max_distance=-1) == []
    assert docs.search(QUERY, 5, max_distance=2) == hits[:5]
    half = docs.search(QUERY, 50, filter={"even": True}, max_distance=bound)
    assert half == [hit for hit in hits[:20] if hit.metadata["even"]]


def test_many_queries_are_answered_in_their_order(docs: Collection) -> None:
    queries = VECTORS[[3, 1, 4, 1, 5]]
    found = docs.search_many(queries, 3)
    assert [hits[0].id for hits in found] == ["v3", "v1", "v4", "v1", "v5"]
    assert found == [docs.search(query, 3) for query in queries]
    assert docs.search_many([], 3) == []


def test_similar_leaves_its_own_document_out(store: embeddb.Store, docs: Collection) -> None:
    hits = docs.similar("v3", 10)
    assert "v3" not in {hit.id for hit in hits}
    expected = [hit for hit in docs.search(VECTORS[3], 11) if hit.id != "v3"]
    assert [hit.id for hit in hits] == [hit.id for hit in expected]
    with pytest.raises(ConfigurationError, match="'nobody'"):
        docs.similar("nobody")
    texts = store.create_collection("texts", model=HashEncoder())
    texts.add([("a", "red apple"), ("b", "green apple"), ("c", "blue car")])
    assert [hit.id for hit in texts.similar("a", 1)] == ["b"]


def test_the_statement_that_is_shown_is_the_search(docs: Collection) -> None:
    for options in (
        {},
        {"filter": {"even": True, "name": {"$ne": '100% it\'s \\ "x"'}}},
        {"filter": docs.columns.content.like("text 1%")},
        {"max_distance": 0.9, "exact": True},
        {"limit": 1200},
    ):
        hits = docs.search(QUERY, **options)
        shown = rows(_url(docs), docs.sql(QUERY, **options))
        assert [(row[0], row[4]) for row in shown] == [(hit.id, hit.distance) for hit in hits]


def _url(docs: Collection) -> str:
    return docs._database.url


def test_a_select_runs_in_a_session_of_the_caller_s(docs: Collection) -> None:
    hits = docs.search(QUERY, 7, filter={"even": True}, max_distance=1.5)
    statement = docs.select(QUERY, 7, filter={"even": True}, max_distance=1.5)
    url = sa.make_url(_url(docs)).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url)
    with Session(engine) as session:
        found = session.execute(statement).all()
        narrowed = session.execute(statement.where(sa.text("nearest.id = :id")), {"id": hits[2].id})
        assert [row.id for row in narrowed] == [hits[2].id]
    engine.dispose()
    assert [(row.id, row.chunk_no, row.content, row.metadata, row.distance) for row in found] == [
        (hit.id, hit.chunk_no, hit.content, hit.metadata, hit.distance) for hit in hits
    ]
    assert [row.score for row in found] == [hit.score for hit in hits]

    async def search() -> list[str]:
        asynchronous = create_async_engine(url)
        async with AsyncSession(asynchronous) as session:
            found = [row.id for row in await session.execute(statement)]
        await asynchronous.dispose()
        return found

    assert asyncio.run(search()) == [hit.id for hit in hits]


def test_a_plan_tells_which_index_is_read(store: embeddb.Store) -> None:
    # enough rows that reading them all is no match for the index, whatever the statistics
    vectors = np.random.default_rng(7).standard_normal((4000, 32)).astype(np.float32)
    docs = store.create_collection("docs", model=None, dim=32)
    docs.ingest(as_documents(vectors))
    query = vectors[0]
    assert "docs_g1_hnsw" in docs.explain(query)
    assert "docs_g1_hnsw" not in docs.explain(query, exact=True)
    assert "actual" in docs.explain(query, analyze=True)
    assert "Buffers" in docs.explain(query, analyze=True)


@pytest.mark.parametrize("index", [HNSW(ef_search=200), IVFFlat(lists=5, probes=4)])
def test_a_session_keeps_its_settings(database: str, index: HNSW | IVFFlat) -> None:
    names = {
        "hnsw": ("hnsw.ef_search", "hnsw.iterative_scan"),
        "ivfflat": ("ivfflat.probes", "ivfflat.iterative_scan"),
    }[index.method]
    with ConnectionPool(database, min_size=1, max_size=1) as pool, embeddb.connect(pool) as store:
        docs = store.create_collection("docs", model=None, dim=DIM, index=index)
        docs.add(as_documents(VECTORS))

        def settings() -> list[Any]:
            with pool.connection() as connection:
                connection.execute("LOAD 'vector'")
                return [connection.execute(f"SHOW {name}").fetchone() for name in names]

        before = settings()
        docs.search(QUERY, 1500, filter={"even": True})
        docs.search_many([QUERY, QUERY], 300)
        docs.similar("v1", 50)
        docs.explain(QUERY, 500, analyze=True)
        docs.recall(sample=3)
        assert settings() == before


@pytest.mark.filterwarnings("ignore::embeddb.errors.FilterWarning")
def test_a_repeated_filtered_search_is_planned_once_for_every_filter(database: str) -> None:
    with ConnectionPool(database, min_size=1, max_size=1) as pool, embeddb.connect(pool) as store:
        docs = store.create_collection("docs", model=None, dim=DIM)
        docs.add(as_documents(VECTORS))
        filters: list[dict[str, Any]] = [{"even": True}, {"even": False}, {"missing": 1}, {}]
        before = [docs.search(QUERY, filter=wanted) for wanted in filters]
        for _ in range(15):
            docs.search(QUERY, filter={"even": True})
        with pool.connection() as connection:
            found = connection.execute(
                "SELECT generic_plans > 0 FROM pg_prepared_statements WHERE statement LIKE %s",
                ["%filter_path%"],
            ).fetchall()
        assert found == [(True,)]
        assert [docs.search(QUERY, filter=wanted) for wanted in filters] == before
        for _ in range(15):
            docs.search(QUERY, filter={"even": True}, exact=True)
        with pool.connection() as connection:
            asked = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s"
            prepared = connection.execute(asked, ["%filter_path%"]).fetchone()
        assert prepared == (1,), "what compares every row compiles its filter for one plan"
    assert [len(hits) for hits in before] == [10, 10, 0, 10]


@pytest.mark.parametrize("limit", [0, -1, 2.5, "10", None, True])
def test_a_limit_is_a_whole_number(docs: Collection, limit: Any) -> None:  # noqa: ANN401
    with pytest.raises(ConfigurationError, match="limit"):
        docs.search(QUERY, limit)


def test_a_query_must_be_comparable(docs: Collection, store: embeddb.Store) -> None:
    for query, error in (
        (QUERY[:-1], DimensionMismatchError),
        (np.append(QUERY, 1), DimensionMismatchError),
        (QUERY * np.nan, InvalidVectorError),
        (QUERY * 0, InvalidVectorError),
        (["a"] * DIM, InvalidVectorError),
        ([QUERY], InvalidVectorError),
    ):
        with pytest.raises(error):
            docs.search(query)
        with pytest.raises(error):
            docs.search_many([QUERY, query])
    with pytest.raises(ConfigurationError, match="no model"):
        docs.search("a text")
    texts = store.create_collection("texts", model=HashEncoder())
    with pytest.raises(InvalidVectorError, match="no words"):
        texts.search(" \n")


def test_an_empty_collection_finds_nothing(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    assert docs.search("anything", filter={"a": 1}) == []
    assert docs.search_many(["a", "b"]) == [[], []]
    assert (docs.count(), docs.peek(), docs.get(["a"])) == (0, [], [])
    assert docs.recall(sample=5).sample == 0


def test_another_model_of_the_same_name_is_refused(store: embeddb.Store) -> None:
    first, other = HashEncoder(name="same"), HashEncoder(name="same")
    docs = store.create_collection("docs", model=first)
    docs.add([("a", "a cat")])
    assert store.collection("docs", encoder=other).search("cat")
    for impostor in (HashEncoder(name="another"), HashEncoder(32, name="same")):
        with pytest.raises(ModelMismatchError, match="cannot be compared"):
            store.collection("docs", encoder=impostor)
        with pytest.raises(embeddb.EmbedDBError):
            store.create_collection("docs", model=impostor, exist_ok=True)
    assert docs.count() == 1


def test_a_model_that_changed_under_its_name_is_refused_on_write_and_on_query(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create_collection("docs", model=HashEncoder(name="renamed")).add([("a", "a cat")])
    monkeypatch.setattr(
        "embeddb.encoders.loader.load_encoder", lambda *_, **__: HashEncoder(name="weights")
    )
    with embeddb.connect(store.url) as again:
        docs = again.collection("docs")
        for action in (
            lambda: docs.search("cat"),
            lambda: docs.search_many(["cat"]),
            lambda: docs.ingest([("b", "a dog")]),
            lambda: docs.add([("b", "a dog")]),
        ):
            with pytest.raises(ModelMismatchError):
                action()
        assert docs.search(HashEncoder(name="renamed").encode(["cat"])[0])[0].id == "a"
    assert rows(store.url, "SELECT id FROM embeddb.docs") == [("a",)]
