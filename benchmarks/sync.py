"""How fast a worker follows a table: its throughput beside the encoder's own, and its freshness.

Throughput: the same real texts, the documentation of the running Python, are encoded by the
pipeline's own encoder calls alone, by one worker process and by two, from a table that was just
attached (the loading of the model is left out: the clock starts with the first chunk). Freshness:
the time from the commit of one row to its chunk being there, with an idle worker.

`--model steady` is none: it takes 4 ms a text, whatever else the machine does, and so shows what
the worker itself costs.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psycopg

import embeddb
from benchmarks.common import fresh_database, parser, show
from benchmarks.encode import real_texts
from embeddb.encoders import EncoderSettings, encode_texts, load_encoder
from embeddb.pipeline.ingest.encode import WINDOW
from embeddb.pipeline.ingest.prepare import BATCH_CHUNKS
from embeddb.records import Vector
from tests.support.postgres import one, rows

TABLE = "CREATE TABLE public.articles (id bigint PRIMARY KEY, body text)"
CHUNKS = "SELECT count(*) FROM embeddb.articles_g1"
POLL_SECONDS = 0.002
WARM_ROWS = 64
STEADY = "python:benchmarks.sync:steady"
SECONDS_PER_TEXT = 0.004
BEAT_SECONDS = 5.5


class _Steady:
    """Takes the same time for each text, and leaves the processors to others meanwhile."""

    dim = 384
    normalized = True

    def __call__(self, texts: Sequence[str]) -> Vector:
        time.sleep(SECONDS_PER_TEXT * len(texts))
        chance = np.random.default_rng(len(texts[0]))
        return chance.standard_normal((len(texts), self.dim), dtype=np.float32)


steady = _Steady()


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--texts", type=int, default=2_000)
    made.add_argument("--fresh", type=int, default=50, help="rows whose freshness is measured")
    made.add_argument("--model", default="all-MiniLM-L6-v2")
    options = made.parse_args()
    if options.model == "steady":
        options.model = STEADY
    os.environ["EMBEDDB_PYTHON_MODELS"] = "benchmarks.sync"
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    texts = real_texts(options.texts, seed=0)
    results: list[dict[str, object]] = []
    alone: list[float] = []
    shares: dict[int, list[tuple[float, int]]] = {1: [], 2: []}
    for _ in range(options.rounds):
        for workers, measured in shares.items():
            with fresh_database(options.dsn) as url:
                _attach(url, options.model)
                measured.append(_sync(url, texts, workers))
                if workers == 1:
                    alone.append(_alone(url, options.model))
    base = statistics.median(alone)
    results.append({"way": "encoding alone", "chunks/s": base, "share": 1.0, "wasted": 0})
    for workers, measured in shares.items():
        rate = statistics.median(rate for rate, _ in measured)
        wasted = sum(count for _, count in measured)
        way = f"{workers} worker" + "s" * (workers > 1)
        results.append({"way": way, "chunks/s": rate, "share": rate / base, "wasted": wasted})
    show(options, f"{options.texts:,} rows of real texts through {options.model}", results)
    with fresh_database(options.dsn) as url:
        _attach(url, options.model)
        delays = _freshness(url, texts, options.fresh)
    show(options, "from the commit of a row to its chunk, an idle worker", [_spread(delays)])


def _attach(url: str, model: str) -> None:
    rows(url, TABLE)
    with embeddb.connect(url) as store:
        store.attach("public.articles", text="body", model=model, index=None)


@contextmanager
def _workers(url: str, count: int) -> Iterator[None]:
    """Run worker processes."""
    program = str(Path(sys.executable).with_name("embeddb"))
    command = [program, "worker", "--dsn", url, "--no-index"]
    quiet = subprocess.DEVNULL
    processes = [subprocess.Popen(command, stdout=quiet, stderr=quiet) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _sync(url: str, texts: list[str], workers: int) -> tuple[float, int]:
    """Return the chunks a second that workers write, warm, and the encodes they wasted."""
    with _workers(url, workers):
        _fill(url, texts[:WARM_ROWS], first=1_000_000)
        _wait(url, "SELECT count(*) = 0 FROM embeddb.jobs")
        _wait(url, f"SELECT count(*) = {workers} FROM embeddb.workers")
        time.sleep(3.0 if workers > 1 else 1.0)  # each has loaded the model
        before = int(one(url, CHUNKS))
        _fill(url, texts, first=0)
        started = time.perf_counter()
        _wait(url, "SELECT count(*) = 0 FROM embeddb.jobs")
        seconds = time.perf_counter() - started
        chunks = int(one(url, CHUNKS)) - before
        time.sleep(BEAT_SECONDS)
        wasted = int(one(url, "SELECT COALESCE(sum(wasted), 0) FROM embeddb.workers"))
    return chunks / seconds, wasted


def _alone(url: str, model: str) -> float:
    """Encode the very chunks that the worker encoded, in batches of the same size."""
    encoder = load_encoder(model, settings=EncoderSettings(python_models=("benchmarks.sync",)))
    statement = "SELECT content FROM embeddb.articles_g1 WHERE id::bigint < 1000000 ORDER BY id"
    chunks = [row[0] for row in rows(url, statement)]
    encode_texts(encoder, chunks[:WARM_ROWS])
    started = time.perf_counter()
    for start in range(0, len(chunks), BATCH_CHUNKS):
        encode_texts(encoder, chunks[start : start + BATCH_CHUNKS], window=WINDOW)
    return len(chunks) / (time.perf_counter() - started)


def _freshness(url: str, texts: list[str], count: int) -> list[float]:
    """Return the milliseconds from commit to searchable of single rows."""
    delays = []
    with _workers(url, 1), psycopg.connect(url, autocommit=True) as connection:
        _fill(url, texts[:WARM_ROWS], first=1_000_000)
        _wait(url, "SELECT count(*) = 0 FROM embeddb.jobs")
        for number in range(count):
            time.sleep(0.2)
            text = texts[number % len(texts)][:400]
            insert = "INSERT INTO articles VALUES (%s, %s)"
            connection.execute(insert, [number, f"{number} {text}"])
            started = time.perf_counter()
            found = "SELECT count(*) FROM embeddb.articles_g1 WHERE id = %s"
            while not connection.execute(found, [str(number)]).fetchall()[0][0]:
                time.sleep(POLL_SECONDS)
            delays.append(1000 * (time.perf_counter() - started))
    return delays


def _spread(delays: list[float]) -> dict[str, object]:
    ordered = sorted(delays)
    return {
        "rows": len(ordered),
        "p50 ms": statistics.median(ordered),
        "p95 ms": ordered[int(0.95 * (len(ordered) - 1))],
        "longest ms": ordered[-1],
    }


def _fill(url: str, texts: list[str], *, first: int) -> None:
    statement = "COPY public.articles (id, body) FROM STDIN"
    with psycopg.connect(url) as connection, connection.cursor().copy(statement) as copy:
        for number, text in enumerate(texts):
            copy.write_row((first + number, text.replace("\0", "")))


def _wait(url: str, condition: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while not connection.execute(condition.encode()).fetchall()[0][0]:
            time.sleep(0.05)


if __name__ == "__main__":
    main()
