"""What builds say, survive and leave; and how what is left is found and mended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import TupleRow

import embeddb
from embeddb import HNSW, IVFPQ, Collection, IVFFlat
from embeddb.diagnostics import table_checks
from embeddb.diagnostics.collection_checks import check_recall
from embeddb.diagnostics.findings import Finding
from embeddb.errors import IndexBuildError, IndexBuildWarning
from embeddb.pipeline.indexes.repair import Defect
from embeddb.repository.catalog.recall_history import RecallHistory
from embeddb.repository.collections.collections import Collections
from embeddb.repository.collections.health import IndexHealth, is_ours
from embeddb.repository.indexes.indexes import Indexes
from embeddb.schema.indexes import IndexSpec
from tests.support.postgres import index_validity, one, rows, session
from tests.support.vectors import as_documents, clustered

DIM = 32
VECTORS = clustered(3000, DIM, seed=8)
SECONDS = 20
WAIT = "SELECT pid FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for %'"


def _loaded(
    store: embeddb.Store, count: int = 300, index: IndexSpec | None = None, **form: str
) -> Collection:
    docs = store.create_collection("docs", model=None, dim=DIM, index=index or HNSW(), **form)  # type: ignore[arg-type]
    docs.ingest(as_documents(VECTORS[:count]))
    return docs


def _setting(url: str, name: str, value: str) -> None:
    database = sql.Identifier(one(url, "SELECT current_database()"))
    statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
    rows(url, statement.format(database, sql.Identifier(name), sql.Literal(value)))


def _mark_invalid(url: str, name: str) -> None:
    rows(
        url,
        "UPDATE pg_index SET indisvalid = false "
        "WHERE indexrelid = (SELECT oid FROM pg_class WHERE relname = %s)",
        [name],
    )


@contextmanager
def _writer(url: str) -> Iterator[psycopg.Connection[TupleRow]]:
    """Hold a transaction open that wrote to the chunks: builds wait for it."""
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM embeddb.docs_g1 WHERE false")
        yield connection
        connection.rollback()


def _told(faults: list[Defect]) -> set[tuple[str, str, bool]]:
    return {(fault.kind, fault.name, fault.done) for fault in faults}


def _until(url: str, statement: str) -> list[tuple[object, ...]]:
    for _ in range(SECONDS * 20):
        if found := rows(url, statement):
            return found
        time.sleep(0.05)
    raise AssertionError(statement)


# invalid indexes


def test_an_invalid_index_is_not_trusted_and_is_mended(store: embeddb.Store) -> None:
    docs = _loaded(store, 1500)
    assert "docs_g1_hnsw" in docs.explain(VECTORS[0])
    exact = [hit.id for hit in docs.search(VECTORS[0], 10, exact=True)]
    _mark_invalid(store.url, "docs_g1_hnsw")
    assert "docs_g1_hnsw" not in docs.explain(VECTORS[0])
    assert [hit.id for hit in docs.search(VECTORS[0], 10)] == exact
    indexes = Indexes(store.database, docs.record)
    assert indexes.missing(docs.record.generation.index) == ["docs_g1_hnsw"]
    assert docs.recall(sample=3).index_used is False

    expected = {("invalid index", "docs_g1_hnsw"), ("missing index", "docs_g1_hnsw")}
    looked = docs.repair_indexes(dry_run=True)
    assert _told(looked) == {(*what, False) for what in expected}
    assert index_validity(store.url)["docs_g1_hnsw"] is False
    assert _told(docs.repair_indexes()) == {(*what, True) for what in expected}
    assert set(index_validity(store.url).values()) == {True}
    assert docs.recall(sample=3).index_used is True
    assert docs.repair_indexes() == []


def test_what_reindex_left_is_dropped_and_what_is_not_ours_is_left(store: embeddb.Store) -> None:
    docs = _loaded(store)
    with session(store.url) as reindexing, psycopg.connect(store.url) as old:
        old.execute("SELECT count(*) FROM embeddb.docs_g1")
        reindexing.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            reindexing.execute("REINDEX INDEX CONCURRENTLY embeddb.docs_g1_hnsw")
    left = {name for name, valid in index_validity(store.url).items() if not valid}
    assert left and all(name.startswith("docs_g1_hnsw_cc") for name in left)
    rows(store.url, "CREATE INDEX my_own ON embeddb.docs_g1 (content_hash)")
    _mark_invalid(store.url, "my_own")
    faults = docs.repair_indexes()
    assert _told(faults) == {
        ("invalid index", "my_own", False),
        *(("invalid index", name, True) for name in left),
    }
    assert [fault.kept for fault in faults if fault.name == "my_own"] == ["it is not embeddb's"]
    assert {name for name, valid in index_validity(store.url).items() if not valid} == {"my_own"}


def test_names_that_reindex_cut_short_are_known(store: embeddb.Store) -> None:
    docs = store.create_collection("x" * 48, model=None, dim=DIM)
    tables = docs.record.tables
    assert is_ours(tables.vector_index("ivfflat") + "_ccnew", tables)
    assert is_ours((tables.vector_index("ivfflat")[:57]) + "_ccold", tables)
    assert is_ours(tables.chunks_name + "_pkey_ccnew1", tables)
    assert not is_ours("other_ccnew", tables)
    assert not is_ours(tables.chunks_name + "_mine", tables)


def test_a_build_that_is_going_on_is_left_alone(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM, index=HNSW())
    docs.ingest(as_documents(VECTORS[:50]), build_index=False)
    create = (
        "CREATE INDEX CONCURRENTLY docs_g1_hnsw ON embeddb.docs_g1 "
        "USING hnsw (embedding vector_cosine_ops)"
    )
    with ThreadPoolExecutor(1) as threads:
        with _writer(store.url):
            building = threads.submit(rows, store.url, create)
            ((pid,),) = _until(store.url, WAIT)
            faults = {fault.kind: fault for fault in docs.repair_indexes()}
        building.result()
    assert f"process {pid} may be building it" in faults["invalid index"].kept
    assert "in the way" in faults["missing index"].kept
    assert index_validity(store.url)["docs_g1_hnsw"] is True


# functions and generations


def test_missing_functions_come_back(store: embeddb.Store) -> None:
    docs = _loaded(store, index=HNSW(on="bit2"), storage="int8", transform="rotation")
    before = rows(
        store.url, "SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'docs%' ORDER BY 1"
    )
    exact = [hit.id for hit in docs.search(VECTORS[0], 5, exact=True)]
    rows(store.url, "DROP FUNCTION embeddb.docs_g1_code CASCADE")
    rows(store.url, "DROP FUNCTION embeddb.docs_g1_project, embeddb.docs_search")
    names = {"docs_g1_code", "docs_g1_project", "docs_search"}
    assert set(IndexHealth(store.database, docs.record).missing_functions()) == names
    assert _told(docs.repair_indexes()) == {
        ("missing index", "docs_g1_hnsw", True),
        *(("missing function", name, True) for name in names),
    }
    after = rows(
        store.url, "SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'docs%' ORDER BY 1"
    )
    assert after == before, "thresholds are learned again, from the same vectors"
    literal = str(VECTORS[0].tolist())
    found = rows(store.url, "SELECT id FROM embeddb.docs_search(%s::vector, 5)", [literal])
    assert [row[0] for row in found] == exact


def test_codes_are_missing_only_where_they_could_be_learned(store: embeddb.Store) -> None:
    docs = _loaded(store, 100, IVFPQ())
    assert docs.repair_indexes() == []
    docs.ingest(as_documents(VECTORS[:300]))
    assert index_validity(store.url)["docs_g1_ivfpq"] is True
    rows(store.url, "DROP FUNCTION embeddb.docs_g1_table")
    rows(
        store.url, "DROP TABLE embeddb.docs_g1_lists, embeddb.docs_g1_words, embeddb.docs_g1_codes"
    )
    docs = store.collection("docs")
    assert _told(docs.repair_indexes()) == {
        ("missing function", "docs_g1_table", True),
        ("missing index", "docs_g1_ivfpq", True),
    }
    assert docs.search(VECTORS[7], 1)[0].id == "v7"
    assert not any(
        "uneven" in f.message for f in table_checks.check_tables(store.database, docs.record, 300)
    )


def test_what_a_conversion_left_goes_where_somebody_agrees(store: embeddb.Store) -> None:
    docs = _loaded(store)
    made = replace(docs.record.generation, index=None)
    left = Collections(store.database).add_generation(docs.record, made)
    name = left.tables.chunks_name
    with psycopg.connect(store.url) as copying:
        copying.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier("embeddb", name)))
        (fault,) = docs.repair_indexes(drop_generations=True)
        assert fault.name == name and "is using it" in fault.kept
    with Indexes(store.database, left).held():
        (fault,) = docs.repair_indexes(drop_generations=True)
        assert fault.kept == "its index is being built"
    assert _told(docs.repair_indexes()) == {("generation", name, False)}
    assert _told(docs.repair_indexes(drop_generations=True)) == {("generation", name, True)}
    assert rows(store.url, "SELECT FROM pg_class WHERE relname = %s", [name]) == []
    assert one(store.url, "SELECT count(*) FROM embeddb.generations") == 1
    assert docs.count() == 300


# builds


def test_a_build_tells_whom_it_waits_for_and_what_it_will_take(store: embeddb.Store) -> None:
    docs = _loaded(store)
    docs.drop_index()
    phases: list[str] = []
    with ThreadPoolExecutor(1) as threads:
        with _writer(store.url) as writer:
            indexes = Indexes(store.database, docs.record)
            told = lambda phase, done, total: phases.append(phase)  # noqa: E731
            building = threads.submit(indexes.ensure, HNSW(), 300, told)
            _until(store.url, WAIT)
            holder = writer.info.backend_pid
            until = time.monotonic() + SECONDS
            while not any(f"process {holder}, " in phase for phase in phases):
                assert time.monotonic() < until, phases
                time.sleep(0.05)
        building.result()
    assert phases[0] == "about 0.1 MB to build"
    assert phases[-1] == "built"
    assert any(
        "waiting for writers" in phase and "s in its transaction" in phase for phase in phases
    )


@pytest.mark.parametrize(
    "index", [HNSW(), HNSW(m=8, on="bit"), HNSW(on="halfvec"), IVFFlat(lists=3)], ids=str
)
def test_the_estimate_is_near_what_an_index_takes(
    store: embeddb.Store, index: HNSW | IVFFlat
) -> None:
    docs = _loaded(store, 3000, index)
    (built,) = (info for info in docs.indexes() if info.method == index.method)
    estimated = docs.estimate_index()
    assert estimated is not None
    assert 0.8 < built.bytes / estimated < 1.2


def test_limits_of_the_role_do_not_end_a_build(store: embeddb.Store) -> None:
    docs = _loaded(store, 3000)
    docs.drop_index()
    for name in ("statement_timeout", "lock_timeout"):
        _setting(store.url, name, "150ms")
    with embeddb.connect(store.url) as limited, ThreadPoolExecutor(1) as threads:
        with _writer(store.url):
            building = threads.submit(limited.collection("docs").create_index, HNSW())
            _until(store.url, WAIT)
            time.sleep(0.3)
        building.result()
    assert index_validity(store.url)["docs_g1_hnsw"] is True


BUILD = """
import sys, embeddb
with embeddb.connect(sys.argv[1]) as store:
    store.collection("docs").create_index(embeddb.HNSW(), progress=len(sys.argv) > 2)
"""


def test_a_build_ends_with_its_client(store: embeddb.Store) -> None:
    docs = _loaded(store)
    docs.drop_index()
    with _writer(store.url):
        client = subprocess.Popen([sys.executable, "-c", BUILD, store.url])
        _until(store.url, WAIT)
        client.kill()
        client.wait()
        _until(store.url, "SELECT WHERE NOT EXISTS (SELECT FROM pg_stat_progress_create_index)")
    assert index_validity(store.url)["docs_g1_hnsw"] is False
    assert ("invalid index", "docs_g1_hnsw", True) in _told(docs.repair_indexes())


def test_ctrl_c_leaves_nothing_invalid(store: embeddb.Store) -> None:
    docs = _loaded(store)
    docs.drop_index()
    client = subprocess.Popen(
        [sys.executable, "-c", BUILD, store.url, "shown"],
        stderr=subprocess.PIPE,
        # a shell has what it starts in the background ignore interrupts, and so do their children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with _writer(store.url):
        _until(store.url, WAIT)
        client.send_signal(signal.SIGINT)
        _until(store.url, "SELECT WHERE NOT EXISTS (SELECT FROM pg_stat_progress_create_index)")
    _, said = client.communicate(timeout=SECONDS)
    assert b"KeyboardInterrupt" in said
    assert "docs_g1_hnsw" not in index_validity(store.url)


def test_what_cannot_be_removed_at_once_is_told_and_mended_later(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embeddb.repository.indexes.indexes.CLEAN_UP_MS", 100)
    docs = _loaded(store)
    docs.drop_index()
    with _writer(store.url), ThreadPoolExecutor(1) as threads:
        building = threads.submit(docs.create_index, HNSW())
        ((pid,),) = _until(store.url, WAIT)
        rows(store.url, "SELECT pg_cancel_backend(%s)", [pid])
        with pytest.raises(IndexBuildError, match=r"cancelled.*embeddb index repair"):
            building.result()
    assert index_validity(store.url)["docs_g1_hnsw"] is False
    store.collection("docs").repair_indexes()
    assert index_validity(store.url)["docs_g1_hnsw"] is True


def test_a_graph_that_does_not_fit_is_told(store: embeddb.Store) -> None:
    docs = _loaded(store, 3000)
    docs.drop_index()
    for name in ("maintenance_work_mem", "effective_cache_size"):
        _setting(store.url, name, "1MB")
    told = r"docs_g1_hnsw: hnsw graph no longer fits.*raise"
    with embeddb.connect(store.url) as small, pytest.warns(IndexBuildWarning, match=told):
        small.collection("docs").create_index(HNSW())
    assert index_validity(store.url)["docs_g1_hnsw"] is True


def test_too_little_memory_is_told(store: embeddb.Store) -> None:
    docs = _loaded(store, 3000)
    docs.drop_index()
    for name in ("maintenance_work_mem", "effective_cache_size"):
        _setting(store.url, name, "1MB")
    told = r"memory required.*Choose fewer lists"
    with embeddb.connect(store.url) as small, pytest.raises(IndexBuildError, match=told):
        small.collection("docs").create_index(IVFFlat(lists=600))
    assert set(index_validity(store.url).values()) == {True}


@pytest.fixture
def tiny(server_url: str) -> Iterator[str]:
    """A tablespace of a few megabytes; without the right to mount one there is none."""
    data = Path(one(server_url, "SHOW data_directory"))
    if os.geteuid() != 0 or not data.exists():
        pytest.skip("only root mounts, on the server's own machine")
    folder = data.parent / f"tiny-{os.getpid()}"
    folder.mkdir()
    options = f"size=8m,mode=700,uid={data.stat().st_uid}"
    mounting = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mounting, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("mounting is refused here")
    name = sql.Identifier(folder.name)
    try:
        create = sql.SQL("CREATE TABLESPACE {} LOCATION {}")
        rows(server_url, create.format(name, sql.Literal(str(folder))))
        yield folder.name
        rows(server_url, sql.SQL("DROP TABLESPACE {}").format(name))
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def test_a_full_disk_is_told_and_leaves_nothing(tiny: str, store: embeddb.Store) -> None:
    docs = _loaded(store, 3000)
    docs.drop_index()
    _setting(store.url, "default_tablespace", tiny)
    rows(store.url, "CREATE TABLE filler AS SELECT g FROM generate_series(1, 200000) g")
    with embeddb.connect(store.url) as full:
        collection = full.collection("docs")
        with pytest.raises(IndexBuildError, match="Free disk space"):
            collection.create_index(HNSW())
        assert "docs_g1_hnsw" not in index_validity(store.url)
        assert collection.count() == 3000
        rows(store.url, "DROP TABLE filler")
        collection.create_index(HNSW())
    assert index_validity(store.url)["docs_g1_hnsw"] is True


# what doctor reads in the statistics


def test_statistics_tell_of_dead_rows_bloat_and_idleness(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = _loaded(store, 1500)
    for name in ("LEAST_DEAD", "LEAST_BLOAT", "UNUSED_SCANS"):
        monkeypatch.setattr(table_checks, name, 0)
    for _ in range(2):
        rows(store.url, "UPDATE embeddb.docs_g1 SET embedding = embedding * embedding")

    def found() -> list[Finding]:
        return list(table_checks.check_tables(store.database, docs.record, 1500))

    def of(text: str) -> list[Finding]:
        for _ in range(100):  # sessions send their statistics when they end, or a second later
            if told := [finding for finding in found() if text in finding.message]:
                return told
            time.sleep(0.1)
        return []

    (dead,) = of("dead rows")
    index, table = '"embeddb"."docs_g1_hnsw"', '"embeddb"."docs_g1"'
    assert dead.remedy == f"In this order: REINDEX INDEX CONCURRENTLY {index}; VACUUM {table};"
    assert len(of("was never searched")) == 1
    assert len(of("its rows need")) == 1
    for statement in dead.remedy.removeprefix("In this order: ").rstrip(";").split("; "):
        rows(store.url, statement)
    assert not [finding for finding in found() if "rows" in finding.message]
    rows(store.url, "UPDATE pg_class SET reltuples = -1 WHERE relname = 'docs_g1'")
    assert any(finding.remedy == f"ANALYZE {table};" for finding in found())


def test_rows_that_no_search_finds_are_told(store: embeddb.Store) -> None:
    docs = _loaded(store)
    history = RecallHistory(store.database)
    for reachable in (0.5, 0.0, 0.99, None, 0.97):
        how = {"reachable": reachable}
        history.add(docs.record, recall=1.0, limit=10, sample=200, how=how)
        found = list(check_recall(store.database))
        assert bool(found) == (reachable in (0.5, 0.0, 0.97)), reachable
    (finding,) = found
    assert (finding.level, finding.subject) == ("warn", "docs")
    assert finding.message.startswith("3.0% of the rows are not found")
    assert finding.remedy == "embeddb index build 'docs' --index ivfflat"


def test_recall_that_fell_is_told(store: embeddb.Store) -> None:
    docs = _loaded(store)
    history = RecallHistory(store.database)
    for recall in (0.97, 0.99, 0.95):
        assert list(check_recall(store.database)) == []
        history.add(docs.record, recall=recall, limit=10, sample=200, how={})
    (finding,) = check_recall(store.database)
    assert (finding.level, finding.subject) == ("warn", "docs")
    assert finding.remedy == "embeddb tune 'docs'"
    assert finding.message == "Recall fell from 0.990 to 0.950."
