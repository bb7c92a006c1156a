"""An ingest that is killed at random points, over and over, ends like one that never was."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from multiprocessing.context import ForkServerProcess

import embeddb
from tests.support import ingest_program
from tests.support.encoders import HashEncoder
from tests.support.postgres import (
    Row,
    check_chunks,
    count_sessions,
    index_validity,
    one,
    rows,
    stored_chunks,
    stored_documents,
)

KILLS_WHILE_WRITING = 12
KILLS_WHILE_INDEXING = 4
CALLS_BETWEEN_KILLS = 9

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([ingest_program.__name__])


def _state(url: str) -> tuple[list[Row], list[Row]]:
    return stored_documents(url, "docs"), stored_chunks(url, "docs")


def _kill_while_writing(url: str, chance: random.Random) -> None:
    calls = _processes.Value("i", 0)
    process = _processes.Process(target=ingest_program.run, args=(url, calls, 16))
    process.start()
    last = chance.randrange(1, CALLS_BETWEEN_KILLS)
    while process.is_alive() and calls.value < last:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.05))
    assert _is_killed(process), "it was done before it could be killed"


def _kill_while_indexing(url: str, chance: random.Random) -> None:
    """Kill a build; one that was done before it could be killed is made and killed anew."""
    while not _is_killed_while_indexing(url, chance):
        _wait_until_alone(url)
        rows(url, "DROP INDEX IF EXISTS embeddb.docs_g1_hnsw")


def _is_killed_while_indexing(url: str, chance: random.Random) -> bool:
    calls = _processes.Value("i", 0)
    process = _processes.Process(target=ingest_program.run, args=(url, calls, 512))
    process.start()
    builds = (
        "SELECT count(*) FROM pg_stat_progress_create_index "
        "WHERE datname = current_database() AND index_relid::regclass::text LIKE '%hnsw%'"
    )
    while process.is_alive() and not one(url, builds):
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.03))
    return _is_killed(process)


def _is_killed(process: ForkServerProcess) -> bool:
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _wait_until_alone(url: str) -> None:
    """Wait until the server has noticed that its clients are gone."""
    while count_sessions(url):
        time.sleep(0.01)


def test_a_killed_ingest_that_is_run_again_leaves_no_trace(
    database: str, empty_database: str
) -> None:
    embeddb.migrate(empty_database)
    with embeddb.connect(empty_database) as store:
        docs = ingest_program.create(store)
        ingest_program.ingest(docs, "after")
        undisturbed = _state(empty_database)

    with embeddb.connect(database) as store:
        ingest_program.ingest(ingest_program.create(store), "before")
    rows(database, "DROP INDEX embeddb.docs_g1_hnsw")
    name = one(database, "SELECT current_database()")
    # a build whose client is gone ends at once, and leaves an invalid index
    rows(database, f"ALTER DATABASE \"{name}\" SET client_connection_check_interval = '10ms'")

    chance = random.Random(4711)
    states = set()
    for _ in range(KILLS_WHILE_WRITING):
        _kill_while_writing(database, chance)
        _wait_until_alone(database)
        check_chunks(database, "docs")
        states.add(one(database, "SELECT count(*) FROM embeddb.docs WHERE content ~ 'changed'"))
    assert len(states) >= 5, "the kills hit different states"
    assert _state(database) != undisturbed
    invalid = kills = 0
    while kills < KILLS_WHILE_INDEXING or (not invalid and kills < 10 * KILLS_WHILE_INDEXING):
        _kill_while_indexing(database, chance)
        _wait_until_alone(database)
        valid = index_validity(database).get("docs_g1_hnsw", True)
        invalid += not valid
        kills += 1
        if valid:  # it was finished after all: there is nothing to build in the next round
            rows(database, "DROP INDEX IF EXISTS embeddb.docs_g1_hnsw")
    assert invalid > 0

    with embeddb.connect(database) as store:
        docs = store.collection("docs", encoder=HashEncoder())
        assert ingest_program.ingest(docs, "after").failed == 0
        assert docs.recall(sample=50).recall >= 0.95
    assert _state(database) == undisturbed
    check_chunks(database, "docs")
    assert index_validity(database) == index_validity(empty_database)
    assert set(index_validity(database).values()) == {True}
    leftovers = "SELECT count(*) FROM pg_class WHERE relname ~ 'staged|_cc(new|old)'"
    assert one(database, leftovers) == 0
