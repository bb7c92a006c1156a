"""`embeddb compress` and `embeddb convert`."""

from __future__ import annotations

from pathlib import Path

import pytest

import embeddb
from tests.conftest import RunCLI
from tests.support.cli import failed, loaded
from tests.support.postgres import one
from tests.support.vectors import as_documents, clustered

ROWS = 600


@pytest.fixture
def items(database: str) -> str:
    """The URL of a database with the collection `items` of vectors."""
    with embeddb.connect(database) as store:
        docs = store.create_collection("items", model=None, dim=16)
        docs.ingest(as_documents(clustered(ROWS, 16)))
    return database


OPTIONS = ("--sample", "20", "--recall", "0.8", "--rows", "300")


def test_forms_are_shown_plotted_and_told_as_json(
    run_cli: RunCLI, items: str, tmp_path: Path
) -> None:
    plot = tmp_path / "items.png"
    result = run_cli(
        "compress", "items", *OPTIONS, "--plot", plot, dsn=items, env={"COLUMNS": "160"}
    )
    assert result.returncode == 0, result.stderr
    for told in ("int8 · HNSW on bit", "recall@10", "best", "now", "for comparison", "300 of 600"):
        assert told in result.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")
    data = loaded(run_cli("compress", "items", *OPTIONS, "--rows", "all", "--json", dsn=items))
    assert (data["rows"], data["total_rows"], data["target"]) == (ROWS, ROWS, 0.8)
    assert data["applied"] is None and data["best"] in {form["form"] for form in data["forms"]}
    assert one(items, "SELECT count(*) FROM embeddb.generations") == 1


def test_the_advice_is_taken_after_a_yes(run_cli: RunCLI, items: str) -> None:
    refused = run_cli("compress", "items", *OPTIONS, "--apply", dsn=items, input="n\n")
    assert "Aborted" in failed(refused) and "best" in refused.stdout
    failed(run_cli("compress", "items", "--apply", "--json", dsn=items), 2)
    data = loaded(run_cli("compress", "items", *OPTIONS, "--apply", "--yes", "--json", dsn=items))
    before, after = data["applied"]["before"], data["applied"]["after"]
    assert before["form"] == "vector · HNSW" and after["form"] == data["best"]
    assert (before["generation"], before["chunks"], after["chunks"]) == (1, ROWS, ROWS)
    assert 0 <= data["applied"]["recall"] <= 1
    shown = loaded(run_cli("collection", "show", "items", "--json", dsn=items))
    assert shown["storage"] == after["storage"] == "int8"


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--rows", "some"], 2, "'all'"),
        (["--rows", "0"], 2, "at least 1"),
        (["--plot", "a.svg"], 2, ".png"),
        (["--plot", "/nowhere/a.png"], 2, "no folder"),
        (["--recall", "2"], 2, "--recall"),
    ],
    ids=str,
)
def test_wrong_options_are_refused_before_anything_is_measured(
    run_cli: RunCLI, options: list[str], code: int, told: str
) -> None:
    assert told in failed(run_cli("compress", "items", *options, dsn="postgresql://nowhere"), code)


def test_an_empty_collection_cannot_be_compressed(run_cli: RunCLI, database: str) -> None:
    run_cli("collection", "create", "items", "--dim", "8", dsn=database)
    assert "add documents" in failed(run_cli("compress", "items", dsn=database))


def test_a_conversion_asks_and_tells_what_it_saved(run_cli: RunCLI, items: str) -> None:
    refused = run_cli("convert", "items", "--storage", "int8", dsn=items, input="n\n")
    assert "Aborted" in failed(refused)
    options = ["--storage", "int8", "--transform", "rotation", "--on", "bit2", "--yes"]
    result = run_cli("convert", "items", *options, dsn=items)
    assert result.returncode == 0, result.stderr
    assert "it is int8 · rotation:random · HNSW on bit2" in result.stdout
    data = loaded(run_cli("convert", "items", "--index", "none", "--yes", "--json", dsn=items))
    assert data["before"]["index"]["on"] == "bit2" and data["after"]["index"] is None
    assert data["before"]["generation"] == 2 and data["after"]["generation"] == 3
    assert data["after"]["index_bytes"] < data["before"]["index_bytes"]
    data = loaded(run_cli("convert", "items", "--m", "8", "--yes", "--json", dsn=items))
    assert data["after"]["index"]["m"] == 8 and data["after"]["storage"] == "int8"


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--storage", "bit"], 1, "hamming"),
        (["--transform", "pca:400"], 2, "16"),
        (["--index", "ivfflat", "--m", "8"], 2, "--m"),
        (["--on", "pca:4"], 2, "rotation:pca"),
        (["--storage", "float"], 2, "halfvec"),
    ],
    ids=str,
)
def test_a_form_that_cannot_be_is_refused(
    run_cli: RunCLI, items: str, options: list[str], code: int, told: str
) -> None:
    assert told in failed(run_cli("convert", "items", *options, "--yes", dsn=items), code)
    assert one(items, "SELECT count(*) FROM embeddb.generations") == 1
