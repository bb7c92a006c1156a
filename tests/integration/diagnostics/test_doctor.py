"""The doctor, on a database: what it finds, and that it raises nothing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import embeddb
from embeddb.config import Settings
from embeddb.db.migrate import head
from embeddb.db.pooled import PooledDatabase
from embeddb.diagnostics import doctor, server_checks
from embeddb.diagnostics.findings import DoctorReport, Finding
from embeddb.errors import ModelNotFoundError
from embeddb.protocols import Encoder
from tests.conftest import DSN_VARIABLE
from tests.support.attaching import articles, attach, drain
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, role, rows

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def _of(report: DoctorReport, subject: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.subject == subject]


def _examined(url: str, schema: str = "embeddb") -> DoctorReport:
    return doctor.examine(PooledDatabase(url, schema=schema), Settings.from_environment().data_dir)


def test_a_healthy_store_is_ok(store: embeddb.Store) -> None:
    store.create_collection("docs", model=None, dim=3)
    report = store.doctor()
    assert report.ok
    assert [found.message for found in _of(report, "docs")] == ["0 documents, 0 chunks"]
    assert [found.message for found in _of(report, "schema")] == [
        f"embeddb is at revision {head()}, the newest"
    ]
    assert _of(report, "rights")[0].message.endswith("may search and create collections")


def test_low_memory_is_a_warning_with_advice(store: embeddb.Store) -> None:
    bytes_of = "SELECT pg_size_bytes(current_setting('shared_buffers'))"
    (found,) = _of(store.doctor(), "shared_buffers")
    if one(store.url, bytes_of) < 256 * 1024**2:
        assert (found.level, found.remedy.startswith("Set it to a quarter")) == ("warn", True)
    else:
        assert found.level == "ok"


def test_every_model_is_loaded_once_and_compared(store: embeddb.Store) -> None:
    loaded: list[str] = []

    def load(name: str) -> Encoder:
        loaded.append(name)
        if name == "other-64":
            return HashEncoder(name="changed")
        if name == "gone-64":
            raise ModelNotFoundError("There is no model gone-64.\nInstall it.")
        return HashEncoder()

    for name, model in (("a", "hash"), ("b", "hash"), ("c", "other"), ("d", "gone")):
        store.create_collection(name, model=HashEncoder(name=model))
    store.create_collection("e", model=None, dim=3)
    data_dir = Settings.from_environment().data_dir
    report = doctor.examine(store.database, data_dir, load_encoder=load)
    assert sorted(loaded) == ["gone-64", "hash-64", "other-64"]
    assert [_of(report, name)[-1].level for name in "abcde"] == ["ok", "ok", "fail", "fail", "ok"]
    assert "another model" in _of(report, "c")[-1].message
    assert _of(report, "d")[-1].remedy == "Install it."
    assert not report.ok


def test_a_schema_that_is_missing_is_a_finding(empty_database: str) -> None:
    report = _examined(empty_database)
    assert not report.ok
    assert _of(report, "schema") == [
        Finding("fail", "schema", "There is no schema embeddb.", "embeddb migrate")
    ]
    assert _of(report, "rights")[0].level == "ok"


def test_a_server_that_does_not_answer_is_a_finding() -> None:
    report = _examined(NOWHERE)
    (found,) = report.findings
    assert (found.level, found.subject) == ("fail", "server")
    assert "embeddb db start" in found.remedy


@pytest.mark.parametrize(
    ("revision", "remedy"), [("0001", "embeddb migrate"), ("9999", "pip install --upgrade embeddb")]
)
def test_a_schema_of_another_version_is_a_finding(
    database: str, revision: str, remedy: str
) -> None:
    rows(database, "UPDATE embeddb.alembic_version SET version_num = %s", [revision])
    report = _examined(database)
    (found,) = _of(report, "schema")
    assert (found.level, found.remedy) == ("fail", remedy)
    assert revision in found.message and head() in found.message


def test_rights_that_are_missing_are_findings(store: embeddb.Store, empty_database: str) -> None:
    with role(store.url) as url:
        (found,) = _of(_examined(url), "rights")
        assert found.level == "fail" and "embeddb grant reader" in found.remedy
        name = PooledDatabase(url).url.partition("user=")[2].split()[0]
        store.grant("reader", name)
        (found,) = _of(_examined(url), "rights")
        assert found.message == f"{name} may search, but not create collections"
    with role(empty_database) as url:
        (found,) = _of(_examined(url), "rights")
        assert found.level == "fail" and "GRANT CREATE ON DATABASE" in found.remedy


def test_a_conversion_that_is_due_is_a_warning(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=8, transform="pca:4")
    (waiting,) = [found for found in _of(store.doctor(), "docs") if "pca:4" in found.message]
    assert waiting.message == (
        "becomes vector through pca:4 once there are 8 chunks; searches are exact until then"
    )
    vectors = np.random.default_rng(1).standard_normal((20, 8)).astype(np.float32)
    docs.ingest(
        [embeddb.Document(id=str(n), embedding=vector) for n, vector in enumerate(vectors)],
        build_index=False,
    )
    (due,) = [found for found in _of(store.doctor(), "docs") if "pca:4" in found.message]
    assert (due.level, due.remedy) == ("warn", "embeddb index build 'docs'")
    docs.create_index()
    assert not [found for found in _of(store.doctor(), "docs") if "pca:4" in found.message]


def test_what_belongs_to_somebody_else_is_left_alone(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=3)
    docs.add([{"id": "a", "embedding": [1.0, 0.0, 0.0]}])
    rows(store.url, "CREATE INDEX mine ON embeddb.docs_g1 (chunk_no)")
    rows(
        store.url,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'embeddb.mine'::regclass",
    )
    (found,) = [found for found in _of(store.doctor(), "docs") if "mine" in found.message]
    assert found.level == "warn"
    assert found.remedy == "embeddb leaves it as it is: it is not embeddb's."


def test_an_attached_collection_is_checked_with_its_queue(store: embeddb.Store) -> None:
    articles(store.url, 3)
    docs = attach(store)
    (waiting,) = [found for found in _of(store.doctor(), "articles") if found.level == "warn"]
    assert "0 rows are waiting, and not all existing rows are in the queue" in waiting.message
    assert waiting.remedy == "embeddb worker"
    drain(store, docs)
    assert not [found for found in _of(store.doctor(), "articles") if "waiting" in found.message]
    rows(store.url, "UPDATE articles SET title = 'new' WHERE id = 1")
    (waiting,) = [found for found in _of(store.doctor(), "articles") if "waiting" in found.message]
    assert waiting.message.startswith("1 rows are waiting, the oldest for 0 s. No worker")
    rows(store.url, "DROP VIEW embeddb.articles")
    report = store.doctor()
    (gone,) = [found for found in _of(report, "articles") if found.level == "fail"]
    assert "embeddb attach public.articles --name 'articles' --exist-ok" in gone.remedy
    assert not [found for found in _of(report, "articles") if "documents," in found.message]


def test_rows_that_failed_are_a_warning_with_the_last_error(store: embeddb.Store) -> None:
    articles(store.url, 2)
    drain(store, attach(store))
    rows(
        store.url,
        "INSERT INTO embeddb.failed_jobs (collection_id, key, version, attempts, error, message) "
        "SELECT id, '1', 1, 5, 'EncodingError', 'no words' FROM embeddb.collections",
    )
    warnings = [found for found in _of(store.doctor(), "articles") if found.level == "warn"]
    (failed,) = [found for found in warnings if "encoded" in found.message]
    assert failed.message.startswith("1 rows could not be encoded. The last error: ")
    assert "no words" in failed.message
    assert failed.remedy == "embeddb jobs failed"


def test_the_embedded_server_is_known_by_its_address(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = Settings.from_environment().data_dir
    is_own = DSN_VARIABLE not in os.environ
    assert server_checks.is_embedded(database, data_dir) is is_own
    assert not server_checks.is_embedded(NOWHERE, data_dir)
    assert not server_checks.is_embedded(database, tmp_path / "another")
    found = [finding for finding in _examined(database).findings if finding.subject == "/dev/shm"]
    assert bool(found) is (is_own and server_checks.SHARED_MEMORY.is_dir())


def test_little_shared_memory_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_checks, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(server_checks, "LEAST_SHARED_MEMORY", 2**62)
    (found,) = server_checks.check_machine()
    assert found.level == "warn" and "--shm-size" in found.remedy
    monkeypatch.setattr(server_checks, "LEAST_SHARED_MEMORY", 0)
    assert [found.level for found in server_checks.check_machine()] == ["ok"]
    monkeypatch.setattr(server_checks, "SHARED_MEMORY", tmp_path / "none")
    assert list(server_checks.check_machine()) == []
