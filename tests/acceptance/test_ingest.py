"""`embeddb ingest`."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.conftest import RunCLI
from tests.support.cli import MODEL, failed, lines, loaded


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three texts."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in ("one.md", "two.md", "three.txt"):
        (folder / name).write_text(f"the text of {name}")
    return folder


def test_a_folder_ingested_twice_is_unchanged(run_cli: RunCLI, database: str, folder: Path) -> None:
    first = loaded(run_cli("ingest", "n", folder, "--model", MODEL, "--json", dsn=database))
    assert (first["added"], first["chunks"], first["failed"]) == (3, 3, 0)
    assert first["rate"] > 0
    (folder / "one.md").write_text("another text")
    (folder / "two.md").unlink()
    again = loaded(run_cli("ingest", "n", folder, "--prune", "--yes", "--json", dsn=database))
    assert (again["updated"], again["unchanged"], again["deleted"]) == (1, 1, 1)
    assert again["encoded"] == 1
    text = run_cli("ingest", "n", folder, dsn=database).stdout
    assert "unchanged    2" in text and "\x1b" not in text


def test_globs_choose_files(run_cli: RunCLI, database: str, folder: Path) -> None:
    options = ["--model", MODEL, "--glob", "*.md", "--exclude", "two*", "--json"]
    assert loaded(run_cli("ingest", "n", folder, *options, dsn=database))["added"] == 1


def test_several_sources_are_each_their_own_unless_they_have_one_name(
    run_cli: RunCLI, database: str, folder: Path
) -> None:
    table = folder / "rows.csv"
    table.write_text("key,body\na,first\nb,second\n")
    sources = [folder / "one.md", folder / "two.md"]
    run_cli("ingest", "n", *sources, "--model", MODEL, dsn=database)
    options = ["--id", "key", "--content", "body", "--prune", "--json"]
    report = loaded(run_cli("ingest", "n", table, *options, dsn=database))
    assert (report["added"], report["deleted"]) == (2, 0)
    named = ["--source", "texts", "--prune", "--yes", "--json"]
    three = folder / "three.txt"
    report = loaded(run_cli("ingest", "n", *sources, three, *named, dsn=database))
    assert (report["added"], report["unchanged"], report["failed"]) == (1, 2, 0)
    report = loaded(run_cli("ingest", "n", *sources, *named, dsn=database))
    assert (report["unchanged"], report["deleted"]) == (2, 1)


def test_two_folders_with_one_id_are_told_apart(
    run_cli: RunCLI, database: str, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "one.md").write_text("another one")
    both = run_cli("ingest", "n", folder, other, "--model", MODEL, "--json", dsn=database)
    report = loaded(both)
    assert (report["added"], report["failed"]) == (3, 1)
    assert report["failures"][0]["error"] == "SourceConflictError"
    options = ["--id-prefix", "other/", "--json"]
    assert loaded(run_cli("ingest", "n", other, *options, dsn=database))["added"] == 1
    assert loaded(run_cli("get", "n", "other/one.md", "--json", dsn=database))


def test_pruning_asks_first_and_nobody_answers_without_a_terminal(
    run_cli: RunCLI, database: str, folder: Path
) -> None:
    run_cli("ingest", "n", folder, "--model", MODEL, dsn=database)
    (folder / "two.md").unlink()
    result = run_cli("ingest", "n", folder, "--prune", "--json", dsn=database)
    assert loaded(result, code=1)["unchanged"] == 2
    assert "1 document(s) of 'n' left the source (two.md)" in failed(result)
    assert "--yes" in failed(result)
    (folder / "one.md").unlink()
    result = run_cli("ingest", "n", folder, "--prune", "--yes", "--json", dsn=database)
    assert loaded(result, code=1)["deleted"] == 0
    assert "more than half" in failed(result) and "--force" in failed(result)
    options = ["--prune", "--yes", "--force", "--json"]
    assert loaded(run_cli("ingest", "n", folder, *options, dsn=database))["deleted"] == 2
    # with nothing to delete there is nothing to ask
    assert loaded(run_cli("ingest", "n", folder, "--prune", "--json", dsn=database))["deleted"] == 0


def test_the_exit_code_tells_that_nothing_was_taken(
    run_cli: RunCLI, database: str, tmp_path: Path
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "latin.txt").write_bytes(b"Caf\xe9 cr\xe8me")
    result = run_cli("ingest", "n", texts / "latin.txt", "--model", MODEL, "--json", dsn=database)
    assert loaded(result, code=1)["failed"] == 1
    (texts / "fine.txt").write_text("fine")
    assert loaded(run_cli("ingest", "n", texts, "--json", dsn=database))["failed"] == 1
    (texts / "latin.txt").unlink()
    assert loaded(run_cli("ingest", "n", texts, "--json", dsn=database))["unchanged"] == 1


def test_lines_on_stdin_and_failures_are_listed(run_cli: RunCLI, database: str) -> None:
    rows = lines({"id": "a", "content": "first"}, {"id": "b"}, {"id": "c", "content": "third"})
    result = run_cli("ingest", "n", "-", "--model", MODEL, dsn=database, input=rows + "no json\n")
    assert result.returncode == 0
    assert "failed       2" in result.stdout and "line 4" in result.stdout
    report = loaded(run_cli("ingest", "n", "-", "--json", dsn=database, input=rows))
    assert report["unchanged"] == 2
    assert [failure["id"] for failure in report["failures"]] == ["b"]


def test_a_strict_run_stops(run_cli: RunCLI, database: str) -> None:
    options = ["--model", MODEL, "--strict"]
    result = run_cli("ingest", "n", "-", *options, dsn=database, input="no json\n")
    assert "line 1" in failed(result)


def test_rows_of_a_table_and_of_a_query(run_cli: RunCLI, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE articles (id int, body text, year int)")
        connection.execute("INSERT INTO articles VALUES (1, 'first', 2020), (2, 'second', 2021)")
    options = ["--model", MODEL, "--content", "body", "--json"]
    run = run_cli("ingest", "n", "--table", "articles", *options, dsn=database)
    assert loaded(run)["added"] == 2
    query = "SELECT id, body FROM articles WHERE year = 2021"
    run = run_cli("ingest", "m", "--query", query, "--from", database, *options, dsn=database)
    assert loaded(run)["added"] == 1


def test_a_missing_collection_says_how_to_create_it(
    run_cli: RunCLI, database: str, folder: Path
) -> None:
    assert "give --model" in failed(run_cli("ingest", "n", folder, dsn=database))


def test_a_collection_keeps_its_model(run_cli: RunCLI, notes: str, folder: Path) -> None:
    result = run_cli("ingest", "notes", folder, "--model", "all-MiniLM-L6-v2", dsn=notes)
    assert "leave --model out" in failed(result)


def test_a_missing_source_creates_no_collection(run_cli: RunCLI, database: str) -> None:
    result = run_cli("ingest", "n", "nothing-here", "--model", MODEL, dsn=database)
    assert "nothing-here" in failed(result)
    assert loaded(run_cli("collection", "list", "--json", dsn=database)) == []


def test_an_option_that_means_nothing_is_refused(run_cli: RunCLI, notes: str, folder: Path) -> None:
    result = run_cli("ingest", "notes", folder, "--id", "x", dsn=notes)
    assert "--id means nothing" in failed(result)


def test_the_index_can_wait(run_cli: RunCLI, database: str, folder: Path) -> None:
    run_cli("ingest", "n", folder, "--model", MODEL, "--no-index", dsn=database)
    assert loaded(run_cli("index", "list", "n", "--json", dsn=database)) == []


def test_a_csv_of_excel_is_read_and_its_types_told(
    run_cli: RunCLI, database: str, tmp_path: Path
) -> None:
    path = tmp_path / "films [1979].csv"
    path.write_bytes("key;body;year;zip\n1;Größe;1979;7\n2;Klang;1995;x\n".encode("cp1252"))
    options = ["--id", "key", "--content", "body", "--encoding", "cp1252", "--types", "zip=text"]
    run = run_cli("ingest", "n", path, "--model", MODEL, *options, "--json", dsn=database)
    assert loaded(run)["types"] == {"year": "int", "zip": "text"}
    text = run_cli("ingest", "n", path, *options, dsn=database).stdout
    assert "year=int, zip=text" in text and "unchanged    2" in text
    only = ["--filter", '{"year": {"$lt": 1990}}', "--json"]
    hits = loaded(run_cli("search", "n", "Größe", *only, dsn=database))["hits"]
    assert [hit["id"] for hit in hits] == ["1"]


def test_delimited_rows_on_stdin(run_cli: RunCLI, database: str) -> None:
    rows = "id;content;n\na;first;1\nb;second;2\n"
    options = ["--model", MODEL, "--json"]
    csv = run_cli("ingest", "n", "-", *options, "--delimiter", ";", dsn=database, input=rows)
    assert (loaded(csv)["added"], loaded(csv)["types"]) == (2, {"n": "int"})
    rows = 'id\tcontent\nc\t"first\nd\tsecond\n'
    tsv = run_cli("ingest", "n", "-", *options, "--format", "tsv", dsn=database, input=rows)
    assert (loaded(tsv)["added"], loaded(tsv)["failed"]) == (2, 0)


def test_an_option_that_a_source_does_not_have_is_refused(
    run_cli: RunCLI, database: str, folder: Path
) -> None:
    for source, option in ((folder, "--delimiter"), ("-", "--glob"), (folder, "--format")):
        value = "jsonl" if option == "--format" else "x"
        run = run_cli("ingest", "n", source, "--model", MODEL, option, value, dsn=database)
        assert f"{option} means nothing" in failed(run)
