"""`embeddb demo`, with few documents and an encoder that needs no model."""

from __future__ import annotations

from tests.conftest import RunCLI
from tests.support.cli import MODEL, failed, loaded

DEMO = ("demo", "--modules", "shutil,textwrap", "--model", MODEL)


def test_python_the_shell_and_sql_give_the_same_answer(
    run_cli: RunCLI, empty_database: str
) -> None:
    data = loaded(run_cli(*DEMO, "--json", dsn=empty_database))
    answers = data["answers"]
    assert len(answers["python"]) == 5
    assert answers["python"] == answers["cli"] == answers["sql"]
    assert answers["nearest"][0] == answers["python"][0]
    assert data["report"]["added"] > 50 and data["report"]["failed"] == 0
    assert data["recall"]["index_used"] and data["recall"]["recall"] > 0.9

    again = run_cli(*DEMO, dsn=empty_database)
    assert again.returncode == 0, again.stderr
    assert "0 added, 0 updated" in again.stdout
    for shown in ("$ embeddb search", "embeddb.python_docs_search", "recall@10", "Go on"):
        assert shown in again.stdout
    assert "\x1b" not in again.stdout

    fresh = loaded(run_cli(*DEMO, "--fresh", "--json", dsn=empty_database))
    assert fresh["report"]["added"] == data["report"]["added"]


def test_an_unknown_module_is_told(run_cli: RunCLI, database: str) -> None:
    result = run_cli("demo", "--model", MODEL, "--modules", "nonsense", dsn=database)
    assert "nonsense" in failed(result)
