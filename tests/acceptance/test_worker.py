"""`embeddb worker` as a process: signals, kills, exit codes, logs, metrics."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import psycopg
import pytest

import embeddb
from embeddb.db import embedded
from embeddb.encoders import EncoderSettings, load_encoder
from tests.conftest import ROOT
from tests.support.cli import failed, loaded, run
from tests.support.postgres import one, rows
from tests.support.workers import attach

DEADLINE_SECONDS = 60.0
CANARY = "zanzibar"
"""A word of a document that must not be found in any log."""

SLOW = "python:tests.support.slow_models:slow"
FRAGILE = "python:tests.support.slow_models:fragile"
PLAIN = "python:tests.support.encoders:encode"
MODULES = "tests.support.encoders,tests.support.slow_models"

TABLE = "CREATE TABLE public.articles (id bigint PRIMARY KEY, body text)"
FILL = f"INSERT INTO articles SELECT n, '{CANARY} body ' || n FROM generate_series(1, %s) n"


def prepare(url: str, model: str, count: int = 50, name: str = "articles") -> None:
    rows(url, "CREATE TABLE IF NOT EXISTS public.articles (id bigint PRIMARY KEY, body text)")
    rows(url, FILL + " ON CONFLICT DO NOTHING", [count])
    settings = EncoderSettings(python_models=tuple(MODULES.split(",")))
    with embeddb.connect(url) as store:
        encoder = load_encoder(model, settings=settings)
        attach(store, "public.articles", "body", name=name, model=encoder)


def stored(url: str, name: str = "articles") -> int:
    return int(one(url, f"SELECT count(DISTINCT id) FROM embeddb.{name}_g1"))


def is_true(url: str, name: str = "articles") -> bool:
    """Return whether the chunks are what the rows say."""
    differing = one(
        url,
        "SELECT count(*) FROM (SELECT id::text, body FROM articles WHERE body <> '') a "
        f"FULL JOIN embeddb.{name}_g1 c ON c.id = a.id AND c.content = a.body "
        "WHERE a.id IS NULL OR c.id IS NULL",
    )
    return bool(differing == 0)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.02)


class Process:
    """A worker that runs beside the test, its log in a file."""

    def __init__(self, url: str, log: Path, *arguments: str, **env: str) -> None:
        own = {"EMBEDDB_DSN": url, "PYTHONPATH": str(ROOT), "EMBEDDB_PYTHON_MODELS": MODULES}
        self.path = log
        with log.open("a") as stream:
            program = str(Path(sys.executable).with_name("embeddb"))
            self.process = subprocess.Popen(
                [program, "worker", "--log-format", "json", *arguments],
                env=os.environ | own | env,
                stderr=stream,
                stdout=subprocess.DEVNULL,
            )

    def log(self) -> str:
        return self.path.read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)


@contextmanager
def running(url: str, log: Path, *arguments: str, **env: str) -> Iterator[Process]:
    made = Process(url, log, *arguments, **env)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a worker in the test's own process does to the log."""
    log = logging.getLogger("embeddb.worker")
    before = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:], log.level, log.propagate = before


def work_once(url: str, *arguments: str, models: str = MODULES) -> subprocess.CompletedProcess[str]:
    """Run `embeddb worker --once` in the test's own process."""
    env = {"EMBEDDB_PYTHON_MODELS": models}
    return run("worker", "--once", *arguments, dsn=url, env=env)


def test_sigterm_finishes_or_gives_back_what_is_claimed(database: str, log: Path) -> None:
    prepare(database, SLOW, 200)
    with running(database, log, "--batch", "20", "--no-index") as worker:
        until(lambda: stored(database) >= 20)
        assert worker.end() == 0
    assert 0 < stored(database) < 200
    assert one(database, "SELECT count(*) FROM embeddb.jobs WHERE token IS NOT NULL") == 0
    assert one(database, "SELECT COALESCE(max(attempts), 0) FROM embeddb.jobs") == 0
    assert one(database, "SELECT count(*) FROM embeddb.workers") == 0
    events = [json.loads(line)["event"] for line in worker.log().splitlines()]
    assert events[0] == "worker started" and events[-1] == "worker stopped"
    assert CANARY not in worker.log()


def test_a_second_signal_stops_at_once(database: str, log: Path) -> None:
    prepare(database, "python:tests.support.slow_models:stuck", 5)
    with running(database, log, "--no-index") as worker:
        until(lambda: one(database, "SELECT count(*) FROM embeddb.jobs WHERE token IS NOT NULL"))
        time.sleep(0.3)
        worker.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert worker.process.poll() is None
        started = time.monotonic()
        assert worker.end() == 128 + signal.SIGTERM
        assert time.monotonic() - started < 5


def test_a_killed_worker_is_resumed_by_the_next(database: str, log: Path) -> None:
    prepare(database, SLOW, 100)
    with running(database, log, "--batch", "20", "--lease-seconds", "1", "--no-index") as worker:
        until(lambda: stored(database) >= 20)
        worker.end(signal.SIGKILL)
    assert stored(database) < 100
    report = loaded(work_once(database, "--json", "--lease-seconds", "1", "--no-index"))
    assert report["succeeded"] and report["failed"] == 0
    assert is_true(database)


def test_two_workers_share_without_doing_anything_twice(database: str, log: Path) -> None:
    prepare(database, SLOW, 300)
    arguments = ("--once", "--batch", "20", "--no-index")
    workers = [Process(database, log.with_suffix(f".{n}"), *arguments) for n in (1, 2)]
    try:
        assert [worker.process.wait(DEADLINE_SECONDS) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
    reports = [json.loads(worker.log().splitlines()[-1]) for worker in workers]
    assert sum(report["processed"] for report in reports) == 300
    assert sum(report["encoded"] for report in reports) == 300
    assert all(report["wasted"] == 0 and report["processed"] > 0 for report in reports)
    assert is_true(database)


def test_poison_rows_are_set_apart_shown_and_retried(database: str) -> None:
    prepare(database, FRAGILE)
    rows(database, f"UPDATE articles SET body = 'poison {CANARY}' WHERE id IN (3, 30)")
    once = ("--max-attempts", "2", "--no-index", "--json")
    result = work_once(database, *once)
    report = loaded(result, 1)
    assert (report["processed"], report["failed"]) == (48, 2)
    assert CANARY not in result.stderr
    assert "rows given up" in result.stderr
    shown = loaded(jobs(database, "failed", "--json"))
    assert {(job["key"], job["attempts"], job["error"]) for job in shown} == {
        ("3", 2, "EncodingError"),
        ("30", 2, "EncodingError"),
    }
    assert "EncodingError" in jobs(database, "failed").stdout
    assert loaded(jobs(database, "retry", "--key", "3", "--json")) == {"retried": 1}
    rows(database, "UPDATE articles SET body = 'mended' WHERE id = 3")
    assert loaded(jobs(database, "list", "--json"))[0]["key"] == "3"
    assert "1 row(s)" in jobs(database, "purge", "--yes").stdout
    assert loaded(work_once(database, *once))["processed"] == 1
    assert "No job is waiting" in jobs(database, "list").stdout
    assert "No row has failed" in jobs(database, "failed").stdout


def test_jobs_of_a_collection_that_is_not_there_are_an_error(database: str) -> None:
    for command in (["list"], ["failed"], ["retry"], ["purge", "--yes"]):
        assert "nothere" in failed(jobs(database, *command, "--collection", "nothere"))


def test_purge_asks_first(database: str) -> None:
    result = jobs(database, "purge", input="n\n")
    assert result.returncode == 1
    assert "Forget" in result.stderr


def jobs(url: str, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `embeddb jobs …` in the test's own process."""
    return run("jobs", *arguments, dsn=url, input=input)


@contextmanager
def _overloaded_endpoint() -> Iterator[str]:
    """An OpenAI-compatible endpoint that always wants to be asked again, and at once."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(sent)  # as some providers do, it repeats what it was sent

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def test_a_provider_that_refuses_delays_its_own_collection_only(database: str, log: Path) -> None:
    prepare(database, PLAIN)
    prepare(database, PLAIN, name="remote")
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(_overloaded_endpoint())
        _make_remote(database, "remote", url)
        env = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-canary-key"}
        worker = stack.enter_context(running(database, log, "--no-index", **env))
        until(lambda: is_true(database))
        until(lambda: "collection put off" in worker.log())
        rows(database, f"UPDATE articles SET body = '{CANARY} again ' || id")
        until(lambda: is_true(database))
        assert stored(database, "remote") == 0
        assert "HTTP 503" in worker.log()
        problem = "SELECT last_error FROM embeddb.status WHERE name = 'remote'"
        until(lambda: "ModelUnavailableError" in str(one(database, problem)))
        assert worker.end() == 0
    assert "sk-canary-key" not in worker.log()
    assert CANARY not in worker.log()
    assert one(database, "SELECT count(*) FROM embeddb.failed_jobs") == 0


def _make_remote(url: str, name: str, base_url: str) -> None:
    """Bind a collection to a model behind an endpoint, which is not asked for that."""
    settings = EncoderSettings(openai_base_url=base_url)
    from embeddb.encoders.openai import OpenAIEncoder

    info = OpenAIEncoder("tiny", dim=64, base_url=settings.openai_base_url or "").info
    rows(
        url,
        "WITH made AS (INSERT INTO embeddb.models (name, fingerprint, modality, dim, "
        "query_prompt, document_prompt, normalized, dtype) "
        "VALUES (%s, %s, 'text', 64, '', '', true, 'float32') RETURNING id) "
        "UPDATE embeddb.generations g SET model_id = made.id FROM made, embeddb.collections c "
        "WHERE c.id = g.collection_id AND c.name = %s",
        ["openai:tiny", info.fingerprint, name],
    )


def test_exit_codes_of_once(database: str, log: Path) -> None:
    prepare(database, PLAIN, 10)
    with running(database, log, "--once") as worker:
        assert worker.process.wait(DEADLINE_SECONDS) == 0
    assert is_true(database)
    assert loaded(work_once(database, "--json"))["processed"] == 0
    assert "nothere" in failed(work_once(database, "--collections", "nothere"))
    rows(database, "UPDATE articles SET body = 'changed' WHERE id = 1")
    result = work_once(database, models="json")
    assert result.returncode == 1
    assert "EMBEDDB_PYTHON_MODELS" in result.stdout + result.stderr
    assert work_once(database, "--batch", "0").returncode == 2


def test_a_worker_refuses_a_schema_of_another_version(database: str) -> None:
    rows(database, "UPDATE embeddb.alembic_version SET version_num = '0001'")
    assert "embeddb migrate" in failed(work_once(database))


def test_nul_and_huge_texts_do_no_harm(database: str) -> None:
    prepare(database, PLAIN, 5)
    rows(database, "UPDATE articles SET body = repeat('long text. ', 100000) WHERE id = 2")
    rows(database, "UPDATE articles SET body = chr(1) || U&'\\FFFD' || ' odd' WHERE id = 3")
    report = loaded(work_once(database, "--json", "--no-index"))
    assert (report["processed"], report["failed"]) == (5, 0)
    assert stored(database) == 5


def test_metrics_and_health_are_served(database: str, log: Path) -> None:
    prepare(database, PLAIN, 10)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(database, log, "--no-index", "--metrics-port", str(port)) as worker:
        until(lambda: is_true(database))
        until(lambda: _get(port, "/readyz")[0] == 200)
        assert _get(port, "/healthz") == (200, "ok\n")
        text = _get(port, "/metrics")[1]
        assert 'embeddb_worker_jobs_total{collection="articles",outcome="done"} 10.0' in text
        assert 'embeddb_queue_pending{collection="articles"} 0.0' in text
        assert "embeddb_queue_oldest_seconds{" not in text
        assert _get(port, "/nothing")[0] == 404
        assert "--metrics-port" in failed(work_once(database, "--metrics-port", str(port)))
        assert worker.end() == 0


def _get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except urllib.error.URLError:
        return 0, ""


def test_a_running_worker_answers_texts_from_sql(database: str, log: Path) -> None:
    prepare(database, PLAIN, 20)
    search = "SELECT id FROM embeddb.articles_search(%s::text, 1)"
    with pytest.raises(psycopg.Error, match="worker"):
        rows(database, search, [f"{CANARY} body 7"])
    with running(database, log, "--no-index") as worker:
        until(lambda: is_true(database))
        assert rows(database, search, [f"{CANARY} body 7"]) == [(7,)]
        started = time.monotonic()
        for number in range(10):
            assert rows(database, search, [f"{CANARY} body {number + 1}"]) == [(number + 1,)]
        assert time.monotonic() - started < 10
        assert worker.end() == 0
    assert CANARY not in worker.log()


def test_a_restart_of_the_server_is_survived(server_folder: Path, log: Path) -> None:
    (server_folder / "user.conf").write_text("fsync = off\n")
    url = embedded.start(server_folder).url
    try:
        embeddb.migrate(url)
        prepare(url, PLAIN)
        with running(url, log, "--lease-seconds", "5", "--no-index") as worker:
            until(lambda: is_true(url))
            assert embedded.stop(server_folder)
            time.sleep(1.0)
            assert worker.process.poll() is None
            assert embedded.start(server_folder).url == url
            rows(url, "UPDATE articles SET body = 'changed ' || id")
            until(lambda: is_true(url))
            assert worker.end() == 0
        assert "database lost" in worker.log()
    finally:
        embedded.stop(server_folder)
