"""What a shell completes."""

from __future__ import annotations

from pathlib import Path

import pytest

import embeddb
from tests.conftest import RunCLI


def _completed(run_cli: RunCLI, words: str, dsn: str | None = None, **others: str) -> list[str]:
    env = {
        "_EMBEDDB_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
        **others,
    }
    ran = run_cli(dsn=dsn, env=env)
    assert ran.stderr == ""
    return ran.stdout.split()


@pytest.fixture
def named(store: embeddb.Store) -> str:
    """The URL of a database with three collections."""
    for name in ("notes", "nodes", "articles"):
        store.create_collection(name, model=None, dim=3)
    return store.url


@pytest.mark.parametrize(
    "command",
    ["search", "collection show", "jobs list --collection", "grant reader x --collection"],
)
def test_names_of_collections_are_completed(run_cli: RunCLI, named: str, command: str) -> None:
    assert _completed(run_cli, f"embeddb {command} no", named) == ["nodes", "notes"]
    assert _completed(run_cli, f"embeddb {command} x", named) == []


def test_no_server_is_started_and_no_error_shown(run_cli: RunCLI, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert _completed(run_cli, "embeddb search no", EMBEDDB_DATA_DIR=str(folder)) == []
    assert not folder.exists()
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    assert _completed(run_cli, "embeddb search no", nowhere) == []
    assert _completed(run_cli, "embeddb search no", "nonsense") == []
