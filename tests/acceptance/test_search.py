"""`embeddb search`."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from tests.conftest import RunCLI
from tests.support.cli import failed, loaded
from tests.support.encoders import encode


def test_the_nearest_comes_first(run_cli: RunCLI, notes: str) -> None:
    data = loaded(run_cli("search", "notes", "copy a tree", "--json", dsn=notes))
    assert data["hits"][0]["id"] == "copy"
    assert {"chunk_no", "content", "metadata", "distance", "score"} <= set(data["hits"][0])
    assert data["search_ms"] > 0 and data["encode_ms"] > 0


def test_hits_are_a_table(run_cli: RunCLI, notes: str) -> None:
    result = run_cli("search", "notes", "copy a tree", "-n", "2", dsn=notes)
    assert "copy a directory tree" in result.stdout and "2 chunks in" in result.stdout
    assert "\x1b" not in result.stdout


def test_filters_and_distances_limit_the_hits(run_cli: RunCLI, notes: str, tmp_path: Path) -> None:
    search = ["search", "notes", "copy a tree", "--json"]
    late = loaded(run_cli(*search, "--filter", '{"year": {"$gte": 2021}}', dsn=notes))
    assert {hit["id"] for hit in late["hits"]} == {"thread", "json"}
    (tmp_path / "filter.json").write_text('{"year": 2022}')
    from_file = loaded(run_cli(*search, "--filter", f"@{tmp_path}/filter.json", dsn=notes))
    assert [hit["id"] for hit in from_file["hits"]] == ["json"]
    near = loaded(run_cli(*search, "--max-distance", "0.5", "--exact", dsn=notes))
    assert [hit["id"] for hit in near["hits"]] == ["copy"]


def test_an_unknown_operator_is_an_error(run_cli: RunCLI, notes: str) -> None:
    result = run_cli("search", "notes", "x", "--filter", '{"year": {"$near": 1}}', dsn=notes)
    assert "$near" in failed(result)


def test_vectors_are_given_as_json(run_cli: RunCLI, notes: str, tmp_path: Path) -> None:
    vector = json.dumps(encode(["copy a directory tree"])[0].tolist())
    (tmp_path / "vector.json").write_text(vector)
    search = ["search", "notes", "--json", "--vector"]
    for given, stdin in ((vector, None), (f"@{tmp_path}/vector.json", None), ("-", vector)):
        data = loaded(run_cli(*search, given, dsn=notes, input=stdin))
        assert data["hits"][0]["id"] == "copy" and data["encode_ms"] is None
    assert "64" in failed(run_cli("search", "notes", "--vector", "[1, 2]", dsn=notes))


def test_a_document_finds_its_like(run_cli: RunCLI, notes: str) -> None:
    data = loaded(run_cli("search", "notes", "--similar-to", "copy", "--json", dsn=notes))
    assert {hit["id"] for hit in data["hits"]} == {"thread", "json"}


@pytest.mark.parametrize("query", ["", "   "])
def test_a_query_without_words_is_refused(run_cli: RunCLI, notes: str, query: str) -> None:
    assert "no words" in failed(run_cli("search", "notes", query, dsn=notes))


def test_the_statement_is_shown_and_runs(run_cli: RunCLI, notes: str) -> None:
    result = run_cli("search", "notes", "copy a tree", "--sql", dsn=notes)
    with psycopg.connect(notes) as connection:
        rows = connection.execute(result.stdout.encode()).fetchall()
    assert rows[0][0] == "copy"


def test_the_plan_is_shown(run_cli: RunCLI, notes: str) -> None:
    assert "actual time" in run_cli("search", "notes", "copy", "--explain", dsn=notes).stdout
    data = loaded(run_cli("search", "notes", "copy", "--explain", "--json", dsn=notes))
    assert "notes_g1" in data["plan"]
