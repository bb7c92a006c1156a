"""What destroys something asks first, and without an answer nothing happens."""

from __future__ import annotations

import pytest

from tests.support.cli import leaves, options, run
from tests.support.postgres import rows

DESTRUCTIVE: dict[tuple[str, ...], tuple[list[str], str]] = {
    ("migrate",): (["--to", "base"], "Go down to base"),
    ("collection", "drop"): (["notes"], "Drop collection 'notes' with its 30 documents?"),
    ("detach",): (["articles"], "Detach 'articles' and drop its 9 chunks?"),
    ("unfollow",): (["articles"], "Stop following the table of 'articles'?"),
    ("delete",): (["notes", "--id", "n1", "--id", "n2"], "Delete 2 document(s) of 'notes'?"),
    ("index", "drop"): (["notes"], "Drop the vector index of 'notes'?"),
    ("convert",): (["notes", "--storage", "int8"], "Convert 'notes', 30 chunks stored as vector"),
    ("compress",): (
        ["notes", "--sample", "5", "--recall", "0.1", "--apply"],
        "Convert 'notes', 30 chunks",
    ),
    ("sql-encoder", "drop"): (["notes"], "Remove the SQL encoder of 'notes'?"),
    ("jobs", "purge"): ([], "Forget 1 failed row(s) of every collection?"),
}
"""Commands with --yes, and what they ask. `index repair` and `ingest` ask on a terminal only."""

COUNTS = """
SELECT (SELECT count(*) FROM embeddb.collections), (SELECT count(*) FROM embeddb.generations),
       (SELECT count(*) FROM embeddb.notes), (SELECT count(*) FROM embeddb.articles_g1),
       (SELECT count(*) FROM embeddb.failed_jobs),
       (SELECT version_num FROM embeddb.alembic_version),
       (SELECT count(*) FROM pg_indexes WHERE schemaname = 'embeddb')
"""


def test_every_command_that_asks_is_tested() -> None:
    asking = {path for path, command in leaves().items() if "--yes" in options(command)}
    assert asking == {*DESTRUCTIVE, ("index", "repair"), ("ingest",)}


@pytest.mark.parametrize("path", DESTRUCTIVE, ids=" ".join)
@pytest.mark.parametrize("answer", ["", "n\n"], ids=["nobody", "no"])
def test_without_a_yes_nothing_happens(path: tuple[str, ...], answer: str, url: str) -> None:
    arguments, question = DESTRUCTIVE[path]
    before = rows(url, COUNTS)
    result = run(*path, *arguments, dsn=url, input=answer)
    assert result.returncode == 1
    asked = " ".join(result.stderr.split())
    assert question in asked and "Aborted" in asked
    assert question not in result.stdout
    assert rows(url, COUNTS) == before


def test_a_question_about_one_collection_names_it(url: str) -> None:
    asked = run("jobs", "purge", "--collection", "articles", "--key", "1", dsn=url).stderr
    assert "Forget 1 failed row(s) of collection 'articles'?" in asked
    missing = run("jobs", "purge", "--collection", "nothere", dsn=url)
    assert missing.returncode == 1 and "Forget" not in missing.stderr


def test_json_with_apply_needs_a_yes(url: str) -> None:
    result = run("compress", "notes", "--apply", "--json", dsn=url)
    assert result.returncode == 2 and "add --yes" in " ".join(result.stderr.split())
