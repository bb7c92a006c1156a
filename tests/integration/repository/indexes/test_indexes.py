"""Building, losing and replacing indexes while others read and write."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psycopg
import pytest

import embeddb
from embeddb import HNSW, Collection, IVFFlat
from embeddb.errors import IndexBuildError, IndexSpecError
from tests.support.encoders import HashEncoder
from tests.support.postgres import index_validity, one, rows, session
from tests.support.vectors import as_documents, clustered

DIM = 32
GRAPH = HNSW()
VECTORS = clustered(3000, DIM, seed=8)


def _loaded(
    store: embeddb.Store, index: HNSW | IVFFlat | None = GRAPH, rows: int = 3000
) -> Collection:
    docs = store.create_collection("docs", model=None, dim=DIM, index=index)
    docs.ingest(as_documents(VECTORS[:rows]))
    return docs


def _definition(docs: Collection, method: str) -> str:
    return next(info.definition for info in docs.indexes() if info.method == method)


def test_an_index_is_built_after_the_load_and_only_then(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    assert docs.indexes() == []
    docs.ingest(as_documents(VECTORS[:100]), build_index=False)
    assert docs.indexes() == []
    docs.ingest(as_documents(VECTORS[:101]))
    assert {(info.name, info.method, info.valid) for info in docs.indexes()} == {
        ("docs_metadata", "gin", True),
        ("docs_g1_hnsw", "hnsw", True),
    }
    assert "vector_cosine_ops" in _definition(docs, "hnsw")
    assert "jsonb_path_ops" in _definition(docs, "gin")
    built = rows(store.url, "SELECT oid FROM pg_class WHERE relname = 'docs_g1_hnsw'")
    docs.ingest(as_documents(VECTORS[:200]))
    assert rows(store.url, "SELECT oid FROM pg_class WHERE relname = 'docs_g1_hnsw'") == built


def test_the_planner_knows_the_tables_after_a_load(store: embeddb.Store) -> None:
    _loaded(store, rows=1000)
    statement = "SELECT reltuples FROM pg_class WHERE relname IN ('docs', 'docs_g1')"
    assert rows(store.url, statement) == [(1000,), (1000,)]


def test_others_write_while_an_index_is_built(store: embeddb.Store) -> None:
    docs = _loaded(store, index=None)
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        other = store.collection("docs")
        while not stop.is_set():
            number = len(written)
            embedding = VECTORS[number % len(VECTORS)] + np.float32(0.01)
            other.add([{"id": f"new{number}", "embedding": embedding}], build_index=False)
            written.append(number)

    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(write)
        try:
            docs.create_index(HNSW(m=24, ef_construction=120))
            during = len(written)
        finally:
            stop.set()
        writer.result()
    assert during > 5
    assert docs.count() == 3000 + len(written)
    hits = docs.search(VECTORS[3] + np.float32(0.01), 5)
    assert "new3" in {hit.id for hit in hits}


def _leave_invalid(url: str) -> None:
    """Let a build run into a timeout, as an interrupted one leaves its index."""
    with session(url) as connection:
        connection.execute("SET statement_timeout = '30ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute(
                "CREATE INDEX CONCURRENTLY docs_g1_hnsw ON embeddb.docs_g1 "
                "USING hnsw (embedding vector_cosine_ops) WITH (m = 64, ef_construction = 1000)"
            )
    assert index_validity(url)["docs_g1_hnsw"] is False


def test_what_an_interrupted_build_left_is_replaced_by_the_next_ingest(
    store: embeddb.Store,
) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    docs.ingest(as_documents(VECTORS), build_index=False)
    _leave_invalid(store.url)
    assert [info.valid for info in docs.indexes() if info.method == "hnsw"] == [False]
    report = docs.ingest(as_documents(VECTORS))
    assert report.unchanged == 3000
    assert set(index_validity(store.url).values()) == {True}
    assert "m='16'" in _definition(docs, "hnsw")
    assert "docs_g1_hnsw" in docs.explain(VECTORS[0])


def test_a_missing_index_comes_back(store: embeddb.Store) -> None:
    docs = _loaded(store, rows=200)
    rows(store.url, "DROP INDEX embeddb.docs_g1_hnsw, embeddb.docs_metadata")
    store.collection("docs").ingest(as_documents(VECTORS[:200]))
    assert {info.method for info in docs.indexes() if info.valid} == {"gin", "hnsw"}


def test_a_build_that_fails_leaves_nothing_invalid(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = _loaded(store, index=None)
    rows(
        store.url,
        'ALTER DATABASE "' + one(store.url, "SELECT current_database()") + '" '
        "SET maintenance_work_mem = '1MB'",
    )

    def cancel() -> None:
        while not rows(
            store.url,
            "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index "
            "WHERE datname = current_database() AND phase LIKE 'building%%'",
        ):
            pass

    with ThreadPoolExecutor(1) as threads:
        cancelled = threads.submit(cancel)
        with pytest.raises(IndexBuildError, match=r"docs_g1_hnsw.*cancel"):
            docs.create_index(HNSW(m=64, ef_construction=1000))
        cancelled.result()
    assert set(index_validity(store.url).values()) == {True}
    assert "docs_g1_hnsw" not in index_validity(store.url)
    assert docs.search(VECTORS[0], 1)[0].id == "v0"


def test_lists_and_probes_are_chosen_from_the_rows_and_remembered(store: embeddb.Store) -> None:
    docs = _loaded(store, index=IVFFlat())
    assert docs.record.generation.index == IVFFlat(lists=3, probes=2)
    assert store.collection("docs").record.generation.index == IVFFlat(lists=3, probes=2)
    assert "lists='3'" in _definition(docs, "ivfflat")
    assert "ivfflat.probes', '2'" in docs.sql(VECTORS[0])
    docs.create_index(IVFFlat(lists=20))
    assert docs.record.generation.index == IVFFlat(lists=20, probes=5)
    assert "lists='20'" in _definition(docs, "ivfflat")


def test_an_index_can_be_dropped_and_another_built(store: embeddb.Store) -> None:
    docs = _loaded(store, rows=500)
    exact = [hit.id for hit in docs.search(VECTORS[0], 10, exact=True)]
    docs.drop_index()
    assert {info.method for info in docs.indexes()} == {"gin"}
    assert docs.record.generation.index is None
    assert [hit.id for hit in docs.search(VECTORS[0], 10)] == exact
    docs.ingest(as_documents(VECTORS[:501]))
    assert {info.method for info in docs.indexes()} == {"gin"}, "a dropped index stays away"
    docs.create_index(IVFFlat(lists=2))
    docs.create_index(HNSW(m=8, ef_construction=40, ef_search=60))
    assert {info.method for info in docs.indexes()} == {"gin", "hnsw"}
    assert "m='8', ef_construction='40'" in _definition(docs, "hnsw")
    assert "hnsw.ef_search', '60'" in docs.sql(VECTORS[0])
    literal = str(VECTORS[0].tolist())
    found = rows(store.url, "SELECT id FROM embeddb.docs_search(%s::vector, 5)", [literal])
    assert [row[0] for row in found] == exact[:5]


def test_an_index_that_pgvector_cannot_build_is_refused_and_the_old_one_kept(
    store: embeddb.Store,
) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM, distance="l1")
    docs.ingest(as_documents(VECTORS[:50]))
    with pytest.raises(IndexSpecError, match="l1"):
        docs.create_index(IVFFlat())
    assert {info.method for info in docs.indexes() if info.valid} == {"gin", "hnsw"}


def test_two_builders_wait_for_each_other(store: embeddb.Store) -> None:
    docs = _loaded(store, rows=1000)
    with ThreadPoolExecutor(3) as threads:
        builds = [
            threads.submit(store.collection("docs").create_index, HNSW(m=m, ef_construction=64))
            for m in (8, 12)
        ]
        builds.append(threads.submit(docs.ingest, as_documents(VECTORS[:1010])))  # type: ignore[arg-type]
        for build in builds:
            build.result()
    assert set(index_validity(store.url).values()) == {True}
    assert sum(info.method == "hnsw" for info in docs.indexes()) == 1
    spec = store.collection("docs").record.generation.index
    assert isinstance(spec, HNSW)
    assert f"m='{spec.m}'" in _definition(docs, "hnsw")


def test_a_build_shows_how_far_it_has_come(
    store: embeddb.Store, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest(((f"d{i}", f"text {i}") for i in range(300)), progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "ingest" in shown.err
    assert "index" in shown.err
