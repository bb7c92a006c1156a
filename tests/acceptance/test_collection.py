"""`embeddb collection …` and `embeddb status`."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

import embeddb
from embeddb.cli.app import app
from tests.conftest import RunCLI
from tests.support.cli import MODEL, failed, loaded


def test_a_collection_is_created_as_the_options_say(run_cli: RunCLI, database: str) -> None:
    options = ["--storage", "halfvec", "--distance", "l2", "--index", "hnsw", "--m", "8"]
    options += ["--ef-construction", "32", "--chunker", "text", "--max-tokens", "100"]
    created = run_cli(
        "collection", "create", "n", "--model", MODEL, *options, "--json", dsn=database
    )
    data = loaded(created)
    assert (data["storage"], data["distance"], data["dim"]) == ("halfvec", "l2", 64)
    assert (data["index"]["m"], data["index"]["ef_construction"]) == (8, 32)
    chosen = {"kind": "text", "max_tokens": 100, "overlap": None}
    assert data["chunker"] == {**chosen, "context": None, "version": 2}
    assert data["model"]["name"] == MODEL
    assert data.pop("notes") == []
    assert loaded(run_cli("collection", "show", "n", "--json", dsn=database)) == data
    assert loaded(run_cli("collection", "list", "--json", dsn=database)) == [data]


def test_own_vectors_need_no_model(run_cli: RunCLI, database: str) -> None:
    result = run_cli("collection", "create", "n", "--dim", "3", "--index", "none", dsn=database)
    assert result.returncode == 0
    assert "exact search" in result.stdout


def test_one_that_is_there_is_refused_unless_told(run_cli: RunCLI, database: str) -> None:
    create = ["collection", "create", "n", "--dim", "3"]
    assert run_cli(*create, dsn=database).returncode == 0
    assert "already" in failed(run_cli(*create, dsn=database))
    assert run_cli(*create, "--exist-ok", dsn=database).returncode == 0


def test_what_pgvector_cannot_do_is_told(run_cli: RunCLI, database: str) -> None:
    result = run_cli("collection", "create", "n", "--dim", "3000", "--json", dsn=database)
    data = loaded(result)
    assert data["index"]["on"] == "halfvec"
    assert "on='halfvec'" in data["notes"][0]
    assert result.stderr.startswith("note: pgvector indexes at most 2,000 dimensions")
    assert ".py" not in result.stderr


def test_a_small_form_is_created_and_what_it_waits_for_told(run_cli: RunCLI, database: str) -> None:
    options = ["--dim", "64", "--storage", "int8", "--transform", "normalize"]
    options += ["--transform", "pca:16", "--on", "halfvec", "--ef-search", "80"]
    data = loaded(run_cli("collection", "create", "n", *options, "--json", dsn=database))
    assert (data["storage"], data["transform"], data["index"]) == ("vector", [], None)
    wanted = data["wanted"]
    assert (wanted["storage"], wanted["transform"]) == ("int8", ["normalize", "pca:16"])
    assert (wanted["index"]["ef_search"], wanted["chunks_needed"]) == (80, 32)
    shown = run_cli("collection", "show", "n", dsn=database).stdout
    assert "int8 through normalize, pca:16" in shown and "once there are 32 chunks" in shown
    bits = ["--dim", "64", "--storage", "bit", "--distance", "jaccard"]
    data = loaded(run_cli("collection", "create", "b", *bits, "--json", dsn=database))
    assert (data["storage"], data["stored_dim"], data["bytes_per_vector"]) == ("bit", 64, 16)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--storage", "bit"], "--storage"),
        (["--storage", "float8"], "--storage"),
        (["--distance", "hamming"], "--storage"),
        (["--distance", "far"], "--distance"),
        (["--transform", "shrink"], "--transform"),
        (["--transform", "pca:100"], "--transform"),
        (["--on", "bits"], "--on"),
        (["--on", "pca:16"], "--index"),
        (["--oversample", "2"], "--oversample"),
        (["--m", "50", "--ef-construction", "60"], "--m / --ef-construction"),
        (["--index", "ivfpq", "--on", "bit"], "--on"),
        (["--index", "ivfflat", "--lists", "3", "--probes", "4"], "--lists / --probes"),
        (["--index", "none", "--m", "8"], "--m"),
    ],
    ids=" ".join,
)
def test_what_contradicts_itself_is_a_wrong_use_of_an_option(
    database: str, options: list[str], told: str
) -> None:
    arguments = ["collection", "create", "n", "--dim", "64", *options, "--dsn", database]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 2, result.output
    assert f"Invalid value for {told}:" in result.output
    with embeddb.connect(database) as store:
        assert store.collections() == []


def test_dropping_asks(run_cli: RunCLI, notes: str) -> None:
    assert "3 documents" in failed(run_cli("collection", "drop", "notes", dsn=notes, input="n\n"))
    dropped = loaded(run_cli("collection", "drop", "notes", "--yes", "--json", dsn=notes))
    assert dropped == {"dropped": "notes", "documents": 3}
    assert "No collection" not in run_cli("collection", "list", dsn=notes).stdout
    assert loaded(run_cli("collection", "list", "--json", dsn=notes)) == []


def test_status_shows_server_and_collections(run_cli: RunCLI, notes: str) -> None:
    data = loaded(run_cli("status", "--json", dsn=notes))
    assert {"server", "postgres", "pgvector", "schema", "revision"} <= set(data["server"])
    (collection,) = data["collections"]
    assert (collection["documents"], collection["chunks"]) == (3, 3)
    assert collection["index_state"] == "valid"
    assert collection["table_bytes"] > 0
    text = run_cli("status", dsn=notes).stdout
    assert "notes" in text and "hnsw, valid" in text and "\x1b" not in text


def test_status_of_nothing_says_how_to_begin(run_cli: RunCLI, database: str) -> None:
    assert "embeddb ingest" in run_cli("status", dsn=database).stdout
