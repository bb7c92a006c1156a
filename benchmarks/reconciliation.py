"""What it costs to compare an attached table with its chunks, where nothing differs.

The chunks are made by SQL, each of one row's text, so that no model is needed. First `embeddb
repair` at full speed. Then a writer updates rows one by one, with a worker beside it that compares
all the time, and with one that does not, in turns; every statement is a transaction that is flushed
to disk.
"""

from __future__ import annotations

import statistics
import threading
import time

import numpy as np
import psycopg

import embeddb
from benchmarks.common import fresh_database, parser, show
from benchmarks.triggers import Zeros
from embeddb.worker import Worker, WorkerOptions

TABLE = """
CREATE TABLE notes (id bigint PRIMARY KEY, body text NOT NULL, views integer NOT NULL DEFAULT 0)
"""
FILL = """
INSERT INTO notes (id, body)
SELECT n, repeat('a sentence of the note with the number ' || n || '. ', 10)
  FROM generate_series(1, %(rows)s) n
"""
CHUNKS = """
INSERT INTO embeddb.notes_g1 (id, chunk_no, content, span, content_hash, embedding)
SELECT id::text, 0, body, int4range(0, length(body)), decode(md5(body), 'hex'),
       array_fill(0.05, ARRAY[384])::vector
  FROM notes
"""
UPDATE = "UPDATE notes SET views = views + 1 WHERE id = %(id)s"
SECONDS = 5.0


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--rows", type=int, default=1_000_000)
    options = made.parse_args()
    with fresh_database(options.dsn) as url:
        prepare(url, options.rows)
        with embeddb.connect(url) as store:
            times = [compared(store, options.rows) for _ in range(options.rounds)]
            rates = written(url, store, options.rows, max(options.rounds, 3))
    seconds = statistics.median(times)
    show(
        options,
        f"{options.rows:,} rows, nothing to do",
        [{"seconds": round(seconds, 1), "rows a second": round(options.rows / seconds)}],
    )
    alone, beside = (statistics.median(rates[name]) for name in ("alone", "beside"))
    show(
        options,
        "A writer, updates a second",
        [
            {
                "alone": round(alone),
                "beside a comparison": round(beside),
                "ratio": round(beside / alone, 3),
            }
        ],
    )


def prepare(url: str, rows: int) -> None:
    """Make a table, attach to it, and make the chunks that a worker would have made."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLE)
        connection.execute(FILL, {"rows": rows})
        with embeddb.connect(url) as store:
            store.attach("notes", text="body", model=Zeros(), index=None)
        connection.execute(CHUNKS)
        connection.execute("UPDATE embeddb.backfills SET finished_at = now()")
        connection.execute("VACUUM ANALYZE notes")
        connection.execute("VACUUM ANALYZE embeddb.notes_g1")


def compared(store: embeddb.Store, rows: int) -> float:
    """Return the seconds of one comparison."""
    started = time.perf_counter()
    done = store.collection("notes").reconcile()
    assert (done.looked_at, done.removed, done.enqueued) == (2 * rows, 0, 0), done
    return time.perf_counter() - started


def written(url: str, store: embeddb.Store, rows: int, rounds: int) -> dict[str, list[float]]:
    """Return a writer's updates a second, with a comparison running beside it and without."""
    found: dict[str, list[float]] = {"alone": [], "beside": []}
    random = np.random.default_rng(0)
    for number in range(2 * rounds):
        options = WorkerOptions(
            build_indexes=False, reconcile_seconds=0.001 if number % 2 else 0, poll_seconds=0.5
        )
        worker = Worker(store, options, encoders={"notes": Zeros()})
        working = threading.Thread(target=worker.run)
        working.start()
        time.sleep(1)
        found["beside" if number % 2 else "alone"].append(rate(url, random, rows))
        worker.stop()
        working.join()
    return found


def rate(url: str, random: np.random.Generator, rows: int) -> float:
    """Return the updates a second of some seconds."""
    count, started = 0, time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        while time.perf_counter() - started < SECONDS:
            connection.execute(UPDATE, {"id": int(random.integers(1, rows + 1))})
            count += 1
    return count / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
