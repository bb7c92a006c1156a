"""`embeddb index …` and `embeddb recall`."""

from __future__ import annotations

from tests.acceptance.support import MODEL, failed, lines, loaded
from tests.conftest import RunCLI


def test_indexes_are_listed(run_cli: RunCLI, notes: str) -> None:
    data = loaded(run_cli("index", "list", "notes", "--json", dsn=notes))
    assert {index["method"]: index["valid"] for index in data} == {"hnsw": True, "gin": True}
    assert "notes_g1_hnsw" in run_cli("index", "list", "notes", dsn=notes).stdout


def test_another_index_takes_the_place_of_the_first(run_cli: RunCLI, notes: str) -> None:
    options = ["--method", "ivfflat", "--lists", "2", "--json"]
    built = loaded(run_cli("index", "build", "notes", *options, dsn=notes))
    assert {index["method"] for index in built} == {"ivfflat", "gin"}
    shown = loaded(run_cli("collection", "show", "notes", "--json", dsn=notes))
    assert shown["index"]["lists"] == 2 and shown["index_state"] == "valid"


def test_options_without_a_method_change_the_collections_own(run_cli: RunCLI, notes: str) -> None:
    built = loaded(run_cli("index", "build", "notes", "--m", "4", "--json", dsn=notes))
    definition = next(index["definition"] for index in built if index["method"] == "hnsw")
    assert "m='4'" in definition
    failed(run_cli("index", "build", "notes", "--lists", "4", dsn=notes), 2)


def test_dropping_asks_and_an_index_is_built_again(run_cli: RunCLI, notes: str) -> None:
    assert "Aborted" in failed(run_cli("index", "drop", "notes", dsn=notes, input="n\n"))
    dropped = loaded(run_cli("index", "drop", "notes", "--yes", "--json", dsn=notes))
    assert {index["method"] for index in dropped} == {"gin"}
    assert "hnsw" in run_cli("index", "build", "notes", dsn=notes).stdout


def test_recall_is_measured(run_cli: RunCLI, notes: str) -> None:
    options = ["--sample", "3", "--limit", "2"]
    data = loaded(run_cli("recall", "notes", *options, "--json", dsn=notes))
    assert (data["limit"], data["sample"], data["recall"]) == (2, 3, 1.0)
    result = run_cli("recall", "notes", *options, "--fail-under", "0.95", dsn=notes)
    assert result.returncode == 0
    assert "recall@2" in result.stdout


def test_too_little_recall_is_a_failure(run_cli: RunCLI, database: str) -> None:
    rows = lines(*({"id": str(n), "content": f"text number {n}"} for n in range(200)))
    run_cli("ingest", "n", "-", "--model", MODEL, dsn=database, input=rows)
    options = ["--method", "ivfflat", "--lists", "40", "--probes", "1"]
    assert run_cli("index", "build", "n", *options, dsn=database).returncode == 0
    result = run_cli("recall", "n", "--sample", "20", "--fail-under", "1", dsn=database)
    assert "is below 1" in failed(result)


def test_recall_without_an_index_says_that_it_says_nothing(run_cli: RunCLI, notes: str) -> None:
    run_cli("index", "drop", "notes", "--yes", dsn=notes)
    result = run_cli("recall", "notes", dsn=notes)
    assert result.returncode == 0
    assert "read no vector index" in result.stderr
