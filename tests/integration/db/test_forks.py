"""Processes that fork: each has connections of its own, and leaves its parent's alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg_pool import ConnectionPool

import embeddb
from embeddb.db.shared import SharedDatabase
from embeddb.repository.collections.collections import Collections
from tests.support.encoders import HashEncoder
from tests.support.forking import in_children
from tests.support.postgres import rows

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here"),
    # Python warns of forks in programs with threads: what happens to those is tested here
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

IDS = [f"r{number}" for number in range(30)]


@pytest.fixture
def docs(store: embeddb.Store) -> embeddb.Collection:
    docs = store.create_collection("docs", model=None, dim=2)
    docs.add([{"id": id, "embedding": [1, number]} for number, id in enumerate(IDS)])
    return docs


def _answers(docs: embeddb.Collection, seed: int) -> bool:
    """Return whether each of many answers is that to its own question."""
    for turn in range(40):
        limit = 1 + (seed * 7 + turn) % 13
        id = IDS[(seed * 11 + turn) % len(IDS)]
        if len(docs.search([1, turn], limit)) != limit:
            return False
        if [found.id for found in docs.get(id)] != [id]:
            return False
    return True


def test_children_and_their_parent_each_get_their_own_answers(docs: embeddb.Collection) -> None:
    with docs._database.connection() as lent, docs._database.dedicated() as dedicated:
        before = [connection.info.backend_pid for connection in (lent, dedicated)]
        assert in_children(lambda seed: _answers(docs, seed), 1, 2, 3) == [True] * 3
        for connection, pid in zip((lent, dedicated), before, strict=True):
            assert connection.execute("SELECT pg_backend_pid()").fetchone() == (pid,)
    assert _answers(docs, 0)


def test_a_child_may_write_and_fork_again(docs: embeddb.Collection) -> None:
    def work(id: str) -> list[object]:
        docs.add([{"id": id, "embedding": [0, 1]}])
        return in_children(lambda seed: _answers(docs, seed), 1)

    assert in_children(work, "a", "b") == [[True], [True]]
    assert docs.count() == len(IDS) + 2


def test_a_child_finds_its_parent_s_connection_closed(store: embeddb.Store) -> None:
    connection = store.database.dedicated()

    def use(_: object) -> bool:
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        connection.close()
        return connection.closed

    assert in_children(use, None) == [True]
    assert connection.execute("SELECT 1").fetchone() == (1,)
    connection.close()


def test_a_parent_that_ends_ends_its_sessions_though_a_child_lives(store: embeddb.Store) -> None:
    """A session that a child kept open would keep its locks."""
    script = """if True:
        import os, sys, time, embeddb
        store = embeddb.connect(sys.argv[1])
        connection = store.database.dedicated()
        print(connection.info.backend_pid, flush=True)
        sys.stdout.flush()
        if os.fork() == 0:
            os.close(1)
            sys.stdin.read()
            os._exit(0)
        os.kill(os.getpid(), 9)
    """
    command = [sys.executable, "-c", script, store.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        pid = int(one.stdout.read())
        statement = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
        for _ in range(200):
            if rows(store.url, statement, [pid]) == [(0,)]:
                break
            rows(store.url, "SELECT pg_sleep(0.05)")
        else:
            pytest.fail("the child holds the session")


def test_an_engine_serves_children_by_connections_of_their_own(
    docs: embeddb.Collection,
) -> None:
    url = sa.make_url(docs._database.url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url)
    with embeddb.connect(engine) as store:
        lent = store.collection("docs")
        assert _answers(lent, 0)
        assert in_children(lambda seed: _answers(lent, seed), 1, 2) == [True, True]
        assert _answers(lent, 3)
    engine.dispose()


def test_a_pool_that_was_open_at_the_fork_is_refused_in_the_child(
    docs: embeddb.Collection,
) -> None:
    with (
        ConnectionPool(docs._database.url, min_size=1, max_size=2) as pool,
        embeddb.connect(pool) as store,
    ):
        lent = store.collection("docs")
        assert _answers(lent, 0)
        (answer,) = in_children(lambda seed: _answers(lent, seed), 1)
        assert answer.startswith("ConfigurationError")
        assert "after the fork" in answer
        assert _answers(lent, 2)


def test_a_pool_may_be_made_before_the_fork_and_opened_after_it(
    docs: embeddb.Collection,
) -> None:
    pool = ConnectionPool(docs._database.url, min_size=1, max_size=2, open=False)
    with embeddb.connect(pool) as store:

        def use(seed: int) -> bool:
            with pool:
                return _answers(store.collection("docs"), seed)

        assert in_children(use, 1) == [True]


def test_a_caller_s_connection_is_refused_in_the_child(docs: embeddb.Collection) -> None:
    with psycopg.connect(docs._database.url) as connection:
        shared = SharedDatabase(connection, schema="embeddb")
        (answer,) = in_children(lambda _: Collections(shared).all(), None)
        assert answer.startswith("DatabaseError")
        assert [one.name for one in Collections(shared).all()] == ["docs"]


def test_a_child_that_ends_like_any_program_says_nothing(database: str) -> None:
    """It runs the parent's finalizers."""
    script = """if True:
        import os, sys, embeddb
        store = embeddb.connect(sys.argv[1])
        store.collections()
        kept = store.database.dedicated()
        if os.fork() == 0:
            store.collections()
            sys.exit(0)
        assert os.wait()[1] == 0
        store.collections()
        assert kept.execute("SELECT 1").fetchone() == (1,)
        kept.close()
    """
    warnings = ["-W", "error::ResourceWarning", "-W", "ignore::DeprecationWarning"]
    command = [sys.executable, *warnings, "-c", script, database]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@pytest.mark.parametrize("close", ["store.close()", "del store", "pass"])
def test_a_script_that_closes_nothing_ends_at_once_and_says_nothing(
    database: str, close: str
) -> None:
    script = f"""if True:
        import sys, embeddb
        store = embeddb.connect(sys.argv[1])
        docs = store.create_collection("docs", model=None, dim=2)
        docs.ingest([{{"id": str(n), "embedding": [1, n]}} for n in range(3000)])
        held = store.database.connection()
        {close}
    """
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", script, database]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_a_child_of_a_program_with_a_loaded_model_encodes(tmp_path: Path) -> None:
    """PyTorch's threads are the parent's: a child that handed work to them would wait for ever."""
    script = """if True:
        import sys, threading
        from embeddb.encoders.loader import EncoderLoader
        from tests.support.forking import in_children
        texts = ["oak galls make black ink"] * 64
        load = EncoderLoader.from_environment()
        encoder = load("all-MiniLM-L6-v2")
        wanted = encoder.encode(texts)
        def encode(fresh):
            used = EncoderLoader.from_environment()("all-MiniLM-L6-v2") if fresh else encoder
            found = []
            thread = threading.Thread(target=lambda: found.append(used.encode(texts)))
            thread.start()
            thread.join()
            found.append(used.encode(texts))
            return [bool(abs(vectors - wanted).max() < 1e-5) for vectors in found]
        print(in_children(encode, False, True))
    """
    root = Path(__file__).parents[3]
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    environment = os.environ | {"PYTHONPATH": str(root)}
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=200, check=False, env=environment
    )
    assert result.stdout == "[[True, True], [True, True]]\n", result.stderr


def test_a_store_of_the_parent_s_with_an_encoder_works_in_the_child(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.add([{"id": "a", "content": "black ink"}])
    assert in_children(lambda text: docs.search(text, 1)[0].id, "ink") == ["a"]
