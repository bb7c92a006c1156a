"""A test-suite of an application with the fixtures, run as it would be, and one without them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.conftest import ROOT

SUITE = """
from embeddb.testing import MODEL, drain


def test_a_table_of_its_own(embeddb_store):
    with embeddb_store.database.connection() as connection:
        connection.execute("CREATE TABLE posts (id int PRIMARY KEY, body text)")
        connection.execute("INSERT INTO posts VALUES (1, 'green tea')")
    posts = embeddb_store.attach("posts", text="body", model=MODEL)
    drain(embeddb_store)
    assert posts.search("tea")[0].id == "1"


def test_each_test_has_its_own_database(embeddb_store):
    assert embeddb_store.collections() == []


def test_a_collection_of_other_fields(embeddb_collection):
    notes = embeddb_collection("notes", storage="halfvec")
    assert notes.count() == 0

"""

BYSTANDER = """
import sys

def test_nothing_is_imported():
    heavy = {"psycopg", "sqlalchemy", "numpy", "embeddb.store", "embeddb.testing"}
    assert not heavy & set(sys.modules)
"""


def _run(folder: Path, text: str, dsn: str | None = None) -> str:
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "embeddb.pytest_plugin", "-q", "--tb=short"]
    own = {"EMBEDDB_TEST_DSN": dsn} if dsn else {}
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | own
    done = subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, cwd=folder, env=environment
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("given", [True, False])
def test_a_suite_with_the_fixtures(tmp_path: Path, server_url: str, given: bool) -> None:
    page = (ROOT / "docs" / "testing.md").read_text("utf-8")
    shown = re.findall("```py\n(.*?)```", page, re.DOTALL)
    assert "4 passed" in _run(tmp_path, SUITE + shown[0], server_url if given else None)
    with psycopg.connect(server_url) as connection:
        left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'embeddb_test_%'"
        assert connection.execute(left).fetchone() == (0,)


def test_a_suite_without_them_pays_nothing(tmp_path: Path) -> None:
    assert "1 passed" in _run(tmp_path, BYSTANDER)
