"""`embeddb index …` and `embeddb recall`."""

from __future__ import annotations

from typing import Any

import psycopg

import embeddb
from embeddb.repository.collections.collections import Collections
from tests.conftest import RunCLI
from tests.support.cli import MODEL, failed, lines, loaded


def test_indexes_are_listed(run_cli: RunCLI, notes: str) -> None:
    data = loaded(run_cli("index", "list", "notes", "--json", dsn=notes))
    assert {index["method"]: index["valid"] for index in data} == {"hnsw": True, "gin": True}
    assert "notes_g1_hnsw" in run_cli("index", "list", "notes", dsn=notes).stdout


def test_another_index_takes_the_place_of_the_first(run_cli: RunCLI, notes: str) -> None:
    options = ["--index", "ivfflat", "--lists", "2", "--json"]
    built = loaded(run_cli("index", "build", "notes", *options, dsn=notes))
    assert {index["method"] for index in built["indexes"]} == {"ivfflat", "gin"}
    assert built["estimated_bytes"] > 0 and built["notes"] == []
    shown = loaded(run_cli("collection", "show", "notes", "--json", dsn=notes))
    assert shown["index"]["lists"] == 2 and shown["index_state"] == "valid"


def test_options_without_a_method_change_the_collections_own(run_cli: RunCLI, notes: str) -> None:
    built = loaded(run_cli("index", "build", "notes", "--m", "4", "--json", dsn=notes))
    assert "m='4', ef_construction='64'" in _hnsw(built)
    options = ["--on", "bit2", "--oversample", "9"]
    built = loaded(run_cli("index", "build", "notes", *options, "--json", dsn=notes))
    assert "notes_g1_code" in _hnsw(built) and "m='4'" in _hnsw(built)
    shown = run_cli("collection", "show", "notes", dsn=notes).stdout
    assert "on=bit2" in shown and "oversample=9" in shown
    told = failed(run_cli("index", "build", "notes", "--lists", "4", dsn=notes), 2)
    assert "--lists: It means nothing for an index of kind hnsw" in told


def _hnsw(built: dict[str, Any]) -> str:
    definitions = [i["definition"] for i in built["indexes"] if i["method"] == "hnsw"]
    assert len(definitions) == 1
    return str(definitions[0])


def test_what_interruptions_left_is_repaired(run_cli: RunCLI, notes: str) -> None:
    with psycopg.connect(notes) as connection:
        connection.execute(
            "DROP FUNCTION embeddb.notes_search(vector, integer, jsonb, double precision)"
        )
        connection.execute(
            "UPDATE pg_index SET indisvalid = false "
            "WHERE indexrelid = 'embeddb.notes_g1_hnsw'::regclass"
        )
    with embeddb.connect(notes) as store:
        record = store.collection("notes").record
        Collections(store.database).add_generation(record, record.generation)
    told = run_cli("index", "repair", "notes", "--dry-run", dsn=notes).stdout
    assert "notes: would drop invalid index notes_g1_hnsw" in told
    (one,) = loaded(run_cli("index", "repair", "--all", "--json", dsn=notes))["collections"]
    faults = {(fault["kind"], fault["done"]) for fault in one["faults"]}
    assert faults == {
        *(("invalid index", True), ("missing index", True), ("missing function", True)),
        ("generation", False),
    }
    told = run_cli("index", "repair", "notes", "--yes", dsn=notes).stdout
    assert told == "notes: dropped generation notes_g2\n"
    assert "nothing to repair" in run_cli("index", "repair", "notes", dsn=notes).stdout


def test_repair_names_what_it_is_to_repair(run_cli: RunCLI, notes: str) -> None:
    assert "--all" in failed(run_cli("index", "repair", dsn=notes), 2)
    assert "nothere" in failed(run_cli("index", "repair", "nothere", dsn=notes))


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
    options = ["--index", "ivfflat", "--lists", "40", "--probes", "1"]
    assert run_cli("index", "build", "n", *options, dsn=database).returncode == 0
    result = run_cli("recall", "n", "--sample", "20", "--fail-under", "1", dsn=database)
    assert "is below 1" in failed(result)


def test_recall_without_an_index_says_that_it_says_nothing(run_cli: RunCLI, notes: str) -> None:
    run_cli("index", "drop", "notes", "--yes", dsn=notes)
    result = run_cli("recall", "notes", dsn=notes)
    assert result.returncode == 0
    assert "used no vector index" in result.stderr
