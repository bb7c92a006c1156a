"""How commands fail: a sentence, an exit code, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, RunCLI
from tests.support.cli import MODEL, failed

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["search", "notes", "x"],
        ["migrate"],
        ["recall", "notes"],
        ["index", "list", "n"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_unreachable_server_is_told_with_a_remedy(run_cli: RunCLI, arguments: list[str]) -> None:
    result = run_cli(*arguments, "--json", dsn=NOWHERE)
    assert "embeddb db start" in failed(result)
    assert result.stdout == ""


def test_a_missing_schema_is_told_with_a_remedy(run_cli: RunCLI, empty_database: str) -> None:
    assert "`embeddb migrate`" in failed(run_cli("status", dsn=empty_database))


def test_a_missing_collection_names_those_there(run_cli: RunCLI, notes: str) -> None:
    assert "there are: 'notes'" in failed(run_cli("search", "papers", "x", dsn=notes))


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["search", "notes"],
        ["search", "notes", "x", "--limit", "0"],
        ["search", "notes", "x", "--filter", "{"],
        ["search", "notes", "x", "--filter", "[]"],
        ["search", "notes", "x", "--similar-to", "copy"],
        ["search", "notes", "--similar-to", "copy", "--sql"],
        ["collection", "create", "papers"],
        ["collection", "create", "papers", "--dim", "3", "--lists", "4"],
        ["delete", "notes"],
        ["ingest", "notes"],
        ["index", "build", "notes", "--index", "none"],
        ["migrate", "--sql", "--to", "base"],
    ],
    ids=" ".join,
)
def test_what_is_not_understood_exits_with_2(run_cli: RunCLI, arguments: list[str]) -> None:
    failed(run_cli(*arguments, dsn=NOWHERE), 2)


def test_debugging_shows_the_traceback(run_cli: RunCLI) -> None:
    result = run_cli("status", dsn=NOWHERE, env={"EMBEDDB_DEBUG": "1"})
    assert result.returncode == 1
    assert "Traceback" in result.stderr and "DatabaseUnavailableError" in result.stderr


QUIET_SECONDS = 3.0
"""Long enough that the program waits for its input: Python drops an interrupt that meets one of
its own callbacks."""


def test_an_interrupted_run_says_how_to_go_on(database: str) -> None:
    program = str(Path(sys.executable).with_name("embeddb"))
    command = [program, "ingest", "notes", "-", "--model", MODEL]
    environment = {"EMBEDDB_DSN": database, "EMBEDDB_PYTHON_MODELS": "tests.support.encoders"}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment | {"PYTHONPATH": str(ROOT)},
        # a shell has what it starts in the background ignore interrupts, and so do their children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        _wait_for_collection(database)
        time.sleep(QUIET_SECONDS)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again" in errors and "Traceback" not in errors


def _wait_for_collection(database: str) -> None:
    import embeddb

    deadline = time.monotonic() + 60
    with embeddb.connect(database) as store:
        while not store.collections() and time.monotonic() < deadline:
            time.sleep(0.05)
