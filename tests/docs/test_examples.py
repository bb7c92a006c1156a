"""Runs every example of the README and of the pages, in the order in which a reader meets them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parents[2]

# these pages go on with the collections that the README makes
PAGES = (
    "README.md",
    "docs/search.md",
    "docs/recall.md",
    "docs/writing.md",
    "docs/collections.md",
    "docs/storage.md",
    "docs/indexes.md",
    "docs/partitions.md",
    "docs/compression.md",
    "docs/attach.md",
    "docs/sqlalchemy.md",
)


def _sql(example: Example) -> None:
    with psycopg.connect(os.environ["EMBEDDB_DSN"], autocommit=True) as connection:
        for statement in example.parsed.split(";\n"):
            if statement.strip():
                assert connection.execute(statement.encode()).fetchall()


def _bash(example: Example) -> None:
    for line in example.parsed.splitlines():
        command = shlex.split(line)
        assert command[0] == "embeddb"
        tool = Path(sys.executable).with_name("embeddb")
        done = subprocess.run([tool, *command[1:]], capture_output=True, text=True)
        assert done.returncode == 0, (line, done.stdout, done.stderr)


def test_every_example_runs(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMBEDDB_DSN", database)
    sybil = Sybil(
        parsers=[
            PythonCodeBlockParser(),
            CodeBlockParser(language="sql", evaluator=_sql),
            CodeBlockParser(language="bash", evaluator=_bash),
        ]
    )
    namespace: dict[str, Any] = {}
    ran = 0
    for page in PAGES:
        document = sybil.parse(ROOT / page)
        document.namespace = namespace
        for example in document.examples():
            example.evaluate()
            ran += 1
    assert ran > len(PAGES)
    shown = capsys.readouterr().out
    namespace["store"].close()
    namespace["engine"].dispose()
    for line in (
        *("3 0", "tea Green tea wants water of 80 °C.", "['a']", "sql"),
        *("['v7']", "('normalize', 'pca:16')", "16 None", "halfvec 300", "[]"),
        *("5 {'ajax'}", "True", "Tea 0.6", "2", "Oaks"),
    ):
        assert line in shown.splitlines()


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.name}" in readme, page
