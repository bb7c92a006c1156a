"""An ingest that is killed at random points, over and over, ends like one that never was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import embeddb
from tests.acceptance.ingest_program import documents, ingest
from tests.postgres import (
    check_chunks,
    index_validity,
    one,
    rows,
    stored_chunks,
    stored_documents,
)
from tests.support import HashEncoder

ROOT = Path(__file__).parents[2]

KILLS = 15
KILLS_WHILE_INDEXING = 4


def _start(url: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.acceptance.ingest_program", url]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})


def _kill_writing(url: str, chance: random.Random) -> bool:
    """Kill an ingest while it writes; False if it was done before."""
    process = _start(url)
    while process.poll() is None and not _busy(url, "COPY|INSERT|UPDATE|DELETE|d.content_hash"):
        time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.25))
    return _kill(process)


def _kill_indexing(url: str, chance: random.Random) -> bool:
    """Kill an ingest while it builds an index; False if it was done before."""
    process = _start(url)
    progress = "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = %s"
    database = one(url, "SELECT current_database()")
    while process.poll() is None and not one(url, progress, [database]):
        time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.1))
    return _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> bool:
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def _busy(url: str, pattern: str) -> bool:
    statement = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'embeddb' AND query ~ %s"
    )
    return bool(one(url, statement, [pattern]))


def _wait_until_gone(url: str) -> None:
    """Wait for the killed one's sessions: the server notices at the end of a statement."""
    while _busy(url, ""):
        time.sleep(0.01)


def test_a_killed_ingest_that_is_run_again_leaves_no_trace(
    database: str, empty_database: str
) -> None:
    embeddb.migrate(empty_database)
    ingest(empty_database, "after")
    undisturbed = (
        stored_documents(empty_database, "docs"),
        stored_chunks(empty_database, "docs"),
    )

    ingest(database, "before")
    rows(database, "DROP INDEX embeddb.docs_g1_hnsw")
    chance = random.Random(4711)
    kills = 0
    while kills < KILLS - KILLS_WHILE_INDEXING and _kill_writing(database, chance):
        kills += 1
        check_chunks(database, "docs")
    ingest_once = _start(database)
    assert ingest_once.wait() == 0
    for _ in range(KILLS_WHILE_INDEXING):
        rows(database, "DROP INDEX IF EXISTS embeddb.docs_g1_hnsw")
        kills += _kill_indexing(database, chance)
    assert kills >= KILLS

    report = ingest(database, "after")
    assert report.failed == 0
    assert (stored_documents(database, "docs"), stored_chunks(database, "docs")) == undisturbed
    check_chunks(database, "docs")
    assert len(undisturbed[0]) == len(list(documents("after")))
    _wait_until_gone(database)
    assert index_validity(database) == index_validity(empty_database)
    assert set(index_validity(database).values()) == {True}
    leftovers = "SELECT count(*) FROM pg_class WHERE relname ~ 'staged|_cc(new|old)'"
    assert one(database, leftovers) == 0
    with embeddb.connect(database) as store:
        docs = store.collection("docs", encoder=HashEncoder())
        assert docs.recall(sample=50).recall >= 0.95
