"""`embeddb recall` and `embeddb tune`, and what a search says of its way."""

from __future__ import annotations

import pytest

import embeddb
from embeddb import HNSW
from tests.conftest import RunCLI
from tests.support.cli import failed, loaded
from tests.support.vectors import as_documents, clustered

SAMPLE = ("--sample", "20")


@pytest.fixture
def items(database: str) -> str:
    """The URL of a database with the collection `items`, whose graph is poor."""
    with embeddb.connect(database) as store:
        index = HNSW(m=5, ef_construction=12, ef_search=10)
        store.create_collection("items", model=None, dim=64, index=index).ingest(
            as_documents(clustered(2000, 64, seed=51))
        )
    return database


def test_recall_tells_what_was_measured(run_cli: RunCLI, items: str) -> None:
    data = loaded(run_cli("recall", "items", *SAMPLE, "--limit", "5", "--json", dsn=items))
    assert (data["sample"], data["limit"], data["index"]) == (20, 5, "items_g1_hnsw")
    assert data["settings"] == {"ef_search": 10}
    assert 0 < data["ann_p50_ms"] <= data["ann_p95_ms"]
    shown = run_cli("recall", "items", *SAMPLE, dsn=items)
    assert shown.returncode == 0
    assert "recall@10" in shown.stdout and "ef_search 10" in shown.stdout


def test_recall_below_what_is_wanted_is_a_failure(run_cli: RunCLI, items: str) -> None:
    message = failed(run_cli("recall", "items", *SAMPLE, "--fail-under", "1", dsn=items))
    assert "below 1" in message
    data = loaded(
        run_cli("recall", "items", *SAMPLE, "--fail-under", "1", "--json", dsn=items), code=1
    )
    assert data["recall"] < 1
    assert run_cli("recall", "items", *SAMPLE, "--fail-under", "0.1", dsn=items).returncode == 0
    failed(run_cli("recall", "items", "--fail-under", "2", dsn=items), 2)


def test_the_history_is_shown(run_cli: RunCLI, items: str) -> None:
    nothing = run_cli("recall", "items", "--history", dsn=items)
    assert (nothing.returncode, nothing.stdout) == (0, "Nothing was measured yet.\n")
    measured = loaded(run_cli("recall", "items", *SAMPLE, "--json", dsn=items))
    data = loaded(run_cli("recall", "items", "--history", "--json", dsn=items))
    assert [line["recall"] for line in data] == [measured["recall"]]
    assert data[0]["settings"]["m"] == 5
    shown = run_cli("recall", "items", "--history", dsn=items).stdout
    assert f"{measured['recall']:.4f}" in shown
    assert "ef_search 10" in shown
    failed(run_cli("recall", "items", "--history", "--fail-under", "1", dsn=items), 2)


def test_tune_finds_and_keeps_settings(run_cli: RunCLI, items: str) -> None:
    options = ("--recall", "0.9", *SAMPLE)
    tried = run_cli("tune", "items", *options, "--dry-run", dsn=items)
    assert tried.returncode == 0
    assert "Nothing was changed" in tried.stdout and "chosen" in tried.stdout
    data = loaded(run_cli("tune", "items", *options, "--json", dsn=items))
    assert (data["target"], data["reached"], data["stored"]) == (0.9, True, True)
    assert data["before"]["settings"] == {"ef_search": 10}
    chosen = data["chosen"]["settings"]
    shown = loaded(run_cli("collection", "show", "items", "--json", dsn=items))
    assert shown["index"]["ef_search"] == chosen["ef_search"]
    history = loaded(run_cli("recall", "items", "--history", "--json", dsn=items))
    assert history[0]["settings"]["target"] == 0.9
    again = run_cli("tune", "items", *options, "--limit", "5", dsn=items)
    assert "recall@5" in again.stdout and "from now on" in again.stdout


def test_a_target_that_is_not_reached_is_a_failure(run_cli: RunCLI, database: str) -> None:
    with embeddb.connect(database) as store:
        index = HNSW(m=2, ef_construction=4)
        store.create_collection("items", model=None, dim=64, index=index).ingest(
            as_documents(clustered(2000, 64, clusters=2000, seed=52))
        )
    forced = database + ("&" if "?" in database else "?") + "options=-c%20enable_seqscan%3Doff"
    result = run_cli("tune", "items", "--recall", "1", *SAMPLE, dsn=forced)
    assert "more links" in failed(result)
    assert "The best" in result.stdout


def test_there_must_be_an_index_to_tune(run_cli: RunCLI, notes: str) -> None:
    run_cli("index", "drop", "notes", "--yes", dsn=notes)
    assert "embeddb index build" in failed(run_cli("tune", "notes", dsn=notes))
    assert "no collection 'nobody'" in failed(run_cli("tune", "nobody", dsn=notes))


def test_a_search_tells_its_way(run_cli: RunCLI, notes: str) -> None:
    year = ("--filter", '{"year": 2021}')
    data = loaded(run_cli("search", "notes", "thread", *year, "--plan", "--json", dsn=notes))
    assert [hit["id"] for hit in data["hits"]] == ["thread"]
    assert data["plan"]["strategies"] == ["exact over the few that pass"]
    assert data["plan"]["ways"] == data["plan"]["strategies"]
    assert (data["plan"]["returned"], data["plan"]["filled"]) == (1, False)
    shown = run_cli("search", "notes", "thread", *year, "--plan", dsn=notes).stdout
    assert "way: exact over the few that pass" in shown
    explained = run_cli("search", "notes", "thread", *year, "--explain", dsn=notes).stdout
    assert explained.startswith("-- way: exact over the few that pass")
    failed(run_cli("search", "notes", "--similar-to", "thread", "--plan", dsn=notes), 2)
