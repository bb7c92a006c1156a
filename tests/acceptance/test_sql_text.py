"""A text in SQL, while `embeddb worker` runs and after it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.conftest import ROOT, RunCLI
from tests.support.postgres import rows

SEARCH = "SELECT id, encoder FROM embeddb.notes_search(%s, 1)"
PATIENCE_SECONDS = 60


def test_a_running_worker_answers_and_a_killed_one_is_known_to_be_gone(
    run_cli: RunCLI, database: str
) -> None:
    made = run_cli(
        "collection",
        "create",
        "notes",
        "--model",
        "python:tests.support.encoders:encode",
        dsn=database,
    )
    assert made.returncode == 0, made.stderr
    environment = os.environ | {
        "EMBEDDB_DSN": database,
        "EMBEDDB_PYTHON_MODELS": "tests.support.encoders",
        "PYTHONPATH": str(ROOT),
    }
    tool = Path(sys.executable).with_name("embeddb")
    worker = subprocess.Popen([tool, "worker"], env=environment, stderr=subprocess.DEVNULL)
    try:
        assert _ask_until_answered(database) == []
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait(30)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:  # until the server notices that its client is gone
        try:
            rows(database, SEARCH, [f"asked at {time.monotonic()}"])
        except psycopg.Error as error:
            if "No worker is running" in str(error):
                return
        time.sleep(0.1)
    pytest.fail("a killed worker is still taken for one")


def _ask_until_answered(database: str) -> list[tuple[object, ...]]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return rows(database, SEARCH, ["what is there"])
        except psycopg.Error as error:
            if error.sqlstate != "ED002" or time.monotonic() > deadline:
                raise
        time.sleep(0.2)
