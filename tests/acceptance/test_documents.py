"""`embeddb get` and `embeddb delete`."""

from __future__ import annotations

from tests.conftest import RunCLI
from tests.support.cli import failed, loaded


def test_documents_are_printed(run_cli: RunCLI, notes: str) -> None:
    data = loaded(run_cli("get", "notes", "thread", "copy", "--json", dsn=notes))
    assert [document["id"] for document in data] == ["thread", "copy"]
    assert data[1]["metadata"] == {"year": 2020} and "embedding" not in data[1]
    text = run_cli("get", "notes", "copy", dsn=notes).stdout
    assert "copy a directory tree" in text and '{"year": 2020}' in text


def test_a_document_is_printed_with_its_vector(run_cli: RunCLI, notes: str) -> None:
    data = loaded(run_cli("get", "notes", "copy", "--embeddings", "--json", dsn=notes))
    assert len(data[0]["embedding"]) == 64


def test_a_missing_document_is_a_failure(run_cli: RunCLI, notes: str) -> None:
    result = run_cli("get", "notes", "copy", "nothing", "--json", dsn=notes)
    assert "'nothing'" in failed(result)
    assert [document["id"] for document in loaded(result, 1)] == ["copy"]


def test_deleting_asks(run_cli: RunCLI, notes: str) -> None:
    assert "Aborted" in failed(run_cli("delete", "notes", "--id", "copy", dsn=notes, input=""))
    kept = run_cli("delete", "notes", "--id", "copy", dsn=notes, input="n\n")
    assert kept.returncode == 1
    done = run_cli("delete", "notes", "--id", "copy", "--json", dsn=notes, input="y\n")
    assert loaded(done) == {"deleted": 1}


def test_a_filter_deletes(run_cli: RunCLI, notes: str) -> None:
    options = ["--filter", '{"year": {"$lt": 2022}}', "--yes", "--json"]
    assert loaded(run_cli("delete", "notes", *options, dsn=notes)) == {"deleted": 2}


def test_a_filter_that_all_pass_needs_to_be_meant(run_cli: RunCLI, notes: str) -> None:
    for empty in ("{}", '{"$and": [{}]}', '{"year": {"$nin": []}}'):
        refused = run_cli("delete", "notes", "--filter", empty, "--yes", dsn=notes)
        assert refused.returncode == 2 and "--all" in refused.stderr
    asked = run_cli("delete", "notes", "--all", dsn=notes, input="n\n")
    assert asked.returncode == 1 and "Delete all " in asked.stderr
    both = run_cli("delete", "notes", "--all", "--id", "copy", "--yes", dsn=notes)
    assert both.returncode == 2
    count = loaded(run_cli("status", "--json", dsn=notes))["collections"][0]["documents"]
    deleted = run_cli("delete", "notes", "--filter", "{}", "--all", "--yes", "--json", dsn=notes)
    assert loaded(deleted) == {"deleted": count} and count > 1
