"""Workers that are killed, and a server that crashes, while an application goes on writing.

Used by a short test and by `benchmarks/chaos.py`. Workers are forked from a process that has
everything imported, so that hundreds of them can be started and killed in minutes.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import psycopg

import embeddb
from embeddb.errors import DatabaseError
from embeddb.records import Vector
from embeddb.worker import Worker, WorkerOptions
from tests.support.encoders import DIM, HashEncoder
from tests.support.postgres import one, rows

MODEL = "python:tests.support.chaos:encode"

POISON = "poison"
"""A text with this word cannot be encoded."""

DEADLY = "deadly"
"""A text with this word kills its worker, as one does that takes all memory."""

TABLE = """
CREATE TABLE public.notes (id bigint PRIMARY KEY, title text, body text, views int DEFAULT 0)
"""
FILL = """
INSERT INTO public.notes (id, title, body)
SELECT n, 'note ' || n, 'text ' || md5(n::text) FROM generate_series(1, %s) n
"""
CHUNKS = """
SELECT id, chunk_no, content, span::text, content_hash, embedding::text
  FROM embeddb.{}_g1 ORDER BY id, chunk_no
"""

_encoded: Synchronized[int] | None = None


class _Function:
    """The encoder of the workers; it counts what it is given."""

    dim = DIM
    normalized = True

    def __call__(self, texts: Sequence[str]) -> Vector:
        if any(DEADLY in text for text in texts):
            os.kill(os.getpid(), signal.SIGKILL)
        if any(POISON in text for text in texts):
            raise RuntimeError("the model choked")
        if _encoded is not None:
            with _encoded.get_lock():
                _encoded.value += len(texts)
        return HashEncoder(self.dim).encode(texts)


encode = _Function()

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.support.chaos"])


def options(**changes: object) -> WorkerOptions:
    """Return options under which what a dead worker left is soon taken over."""
    given: dict[str, Any] = {
        "poll_seconds": 0.5,
        "lease_seconds": 1.5,
        "batch": 64,
        "retry_seconds": 0.1,
        "build_indexes": False,
    }
    return WorkerOptions(**given | changes)


def work(url: str, encoded: Synchronized[int], once: bool = False) -> None:
    """Be a worker, until it is killed."""
    global _encoded
    _encoded = encoded
    os.environ["EMBEDDB_PYTHON_MODELS"] = "tests.support.chaos"
    while True:
        with suppress(DatabaseError), embeddb.connect(url) as store:
            Worker(store, options(once=once)).run()
            return
        time.sleep(0.2)  # the server is away


@dataclass(kw_only=True)
class Application:
    """Writes to the table as an application does: inserts, updates, deletes, key changes."""

    url: str
    seed: int
    pause_seconds: float = 0.01
    writes: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
                    while not self.stopping.is_set():
                        with connection.transaction():
                            for _ in range(self._chance.choice([1, 1, 1, 5])):
                                self._write(connection)
                        self.writes += 1
                        time.sleep(self._chance.uniform(0, 2 * self.pause_seconds))
            except psycopg.OperationalError:
                time.sleep(0.1)  # the server has crashed
            except psycopg.Error:
                continue  # two writers met: a deadlock, or the same new key

    def _write(self, connection: psycopg.Connection[Any]) -> None:
        chance = self._chance
        number = chance.randrange(10**9)
        kinds = ("insert", "update", "update", "update", "views", "delete", "key")
        match chance.choice(kinds):
            case "insert":
                word = POISON if number % 50 == 0 else "text"
                statement = "INSERT INTO notes (id, title, body) VALUES (%(n)s, 'new', %(text)s)"
                text = f"{word} {number}"
            case "update":
                statement = "UPDATE notes SET body = %(text)s WHERE id IN (" + _ANY + ")"
                text = f"changed {number}"
            case "views":
                statement = "UPDATE notes SET views = views + 1 WHERE id IN (" + _ANY + ")"
                text = ""
            case "delete":
                statement = "DELETE FROM notes WHERE id IN (" + _ANY + ")"
                text = ""
            case _:
                statement = "UPDATE notes SET id = %(n)s WHERE id IN (" + _ANY + ")"
                text = ""
        connection.execute(statement.encode(), {"n": number, "text": text})


_ANY = "SELECT id FROM notes ORDER BY md5(id::text || %(n)s::text) LIMIT 1"


class Crew:
    """A number of workers; whichever dies is replaced."""

    def __init__(self, url: str, size: int, chance: random.Random) -> None:
        self._url = url
        self._size = size
        self._chance = chance
        self._crew: list[ForkServerProcess] = []
        self.encoded: Synchronized[int] = processes.Value("i", 0)
        self.died = 0
        """Workers that died without being killed by us: of a deadly text."""

    def fill(self) -> None:
        """Start as many workers as are missing."""
        alive = [process for process in self._crew if process.is_alive()]
        self.died += len(self._crew) - len(alive)
        self._crew = alive
        while len(self._crew) < self._size:
            process = processes.Process(target=work, args=(self._url, self.encoded), daemon=True)
            process.start()
            self._crew.append(process)

    def kill_one(self) -> None:
        """Kill -9 a worker."""
        victim = self._crew.pop(self._chance.randrange(len(self._crew)))
        victim.kill()
        victim.join()

    def end(self) -> None:
        """Kill -9 all."""
        while self._crew:
            self.kill_one()


def prepare(url: str, table_rows: int, attach: Callable[[embeddb.Store, str], object]) -> None:
    """Make the table, fill it, and attach a collection to it."""
    rows(url, TABLE)
    rows(url, FILL, [table_rows])
    with embeddb.connect(url) as store:
        attach(store, "notes")
    count = "CREATE TABLE public.written (n int); "
    function = (
        "CREATE FUNCTION public.count_written() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO public.written SELECT count(*) FROM new_chunks; RETURN NULL; END $$; "
    )
    trigger = (
        "CREATE TRIGGER written AFTER INSERT ON embeddb.notes_g1 REFERENCING NEW TABLE AS "
        "new_chunks FOR EACH STATEMENT EXECUTE FUNCTION public.count_written()"
    )
    rows(url, count + function + trigger)


def drain(url: str, encoded: Synchronized[int], timeout_seconds: float) -> None:
    """Run workers until the queue is empty; one that a text kills is followed by another."""
    end = time.monotonic() + timeout_seconds
    while one(url, "SELECT count(*) FROM embeddb.jobs") or not one(
        url, "SELECT bool_and(finished_at IS NOT NULL) FROM embeddb.backfills"
    ):
        process = processes.Process(target=work, args=(url, encoded, True), daemon=True)
        process.start()
        process.join(max(0.0, end - time.monotonic()))
        if process.is_alive() or time.monotonic() > end:
            process.kill()
            process.join()
            raise AssertionError(f"the queue is not empty after {timeout_seconds} seconds")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What differs from a full rebuild; `failed` are rows that cannot be encoded."""

    documents: int
    missing: int
    stale: int
    failed: int
    wrongly_failed: int

    @property
    def clean(self) -> bool:
        return not (self.missing or self.stale or self.wrongly_failed)


def judge(url: str, attach: Callable[[embeddb.Store, str], object]) -> Verdict:
    """Compare the collection, chunk by chunk, with one that is built anew from the table."""
    with embeddb.connect(url) as store:
        attach(store, "rebuilt")
    # what kills a worker is left out here: one death would be followed by waiting for its lease
    bad = f"body ~ '{POISON}|{DEADLY}'"
    rows(url, "CREATE TABLE public.bad AS SELECT * FROM notes WHERE " + bad)
    rows(url, "ALTER TABLE notes DISABLE TRIGGER USER; DELETE FROM notes WHERE " + bad)
    os.environ["EMBEDDB_PYTHON_MODELS"] = "tests.support.chaos"
    with embeddb.connect(url) as store:
        report = Worker(store, options(once=True, collections=("rebuilt",))).run()
    assert report.succeeded, report
    found, wanted = (set(rows(url, CHUNKS.format(name))) for name in ("notes", "rebuilt"))
    failed = [row[0] for row in rows(url, "SELECT key FROM embeddb.failed_jobs")]
    known = {str(row[0]) for row in rows(url, "SELECT id FROM public.bad")}
    return Verdict(
        documents=len({row[0] for row in wanted}),
        missing=len(wanted - found),
        stale=len(found - wanted),
        failed=len(failed),
        wrongly_failed=len(set(failed) - known),
    )
