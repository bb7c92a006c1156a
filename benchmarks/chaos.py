"""Workers killed hundreds of times and a server that crashes, under an application's writes.

On a server of its own: workers are ended by `kill -9` at random moments, and the server by an
immediate shutdown, as if the machine had lost power, while an application inserts, updates,
deletes and changes keys. Then the queue is drained and every chunk compared with a full rebuild.
One row in fifty of those inserted cannot be encoded, and a few kill whatever worker takes them.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path

import psutil

import embeddb
from benchmarks.common import parser, show
from embeddb.db import embedded
from embeddb.encoders import EncoderSettings, load_encoder
from tests.support import chaos
from tests.support.postgres import one, rows

DEADLY_ROWS = 3
DRAIN_SECONDS = 300


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--kills", type=int, default=300)
    made.add_argument("--crashes", type=int, default=3)
    made.add_argument("--workers", type=int, default=3)
    made.add_argument("--rows", type=int, default=2_000)
    made.add_argument("--seed", type=int, default=1)
    options = made.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="embeddb-chaos-"))
    try:
        run = _Run(folder, options.rows, options.workers, random.Random(options.seed))
        run.disturb(options.kills, options.crashes)
        row = run.settle()
    finally:
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)
    show(options, "what was left after kills and crashes, against a full rebuild", [row])


class _Run:
    """One run on one server."""

    def __init__(self, folder: Path, table_rows: int, workers: int, chance: random.Random) -> None:
        self._folder = folder
        self._chance = chance
        self._url = embedded.start(folder).url
        embeddb.migrate(self._url)
        chaos.prepare(self._url, table_rows, _attach)
        for number in range(1, DEADLY_ROWS + 1):
            update = f"UPDATE notes SET body = '{chaos.DEADLY} %s' WHERE id = %s"
            rows(self._url, update.replace("%s", str(number)))
        self._crew = chaos.Crew(self._url, workers, chance)
        self._writers = [chaos.Application(url=self._url, seed=seed) for seed in (11, 12)]
        self._kills = self._crashes = 0
        self._started = time.monotonic()

    def disturb(self, kills: int, crashes: int) -> None:
        """Kill workers, and crash the server now and then."""
        for writer in self._writers:
            writer.start()
        crash_at = {kills * (number + 1) // (crashes + 1) for number in range(crashes)}
        while self._kills < kills:
            self._crew.fill()
            time.sleep(self._chance.uniform(0.05, 1.2))
            if self._kills in crash_at:
                crash_at.discard(self._kills)
                self._crash()
            self._crew.kill_one()
            self._kills += 1
        for writer in self._writers:
            writer.stop()
        self._crew.end()
        self._disturbed = time.monotonic() - self._started

    def settle(self) -> dict[str, object]:
        """Drain the queue, and compare."""
        started = time.monotonic()
        chaos.drain(self._url, self._crew.encoded, DRAIN_SECONDS)
        drained = time.monotonic() - started
        encoded = self._crew.encoded.value
        written = one(self._url, "SELECT COALESCE(sum(n), 0) FROM public.written")
        verdict = chaos.judge(self._url, _attach)
        return {
            "kills": self._kills,
            "died of a row": self._crew.died,
            "crashes": self._crashes,
            "writes": sum(writer.writes for writer in self._writers),
            "documents": verdict.documents,
            "missing": verdict.missing,
            "stale": verdict.stale,
            "failed": verdict.failed,
            "wrongly failed": verdict.wrongly_failed,
            "encoded": encoded,
            "wasted %": 100 * (encoded - written) / max(encoded, 1),
            "seconds": self._disturbed,
            "drain s": drained,
        }

    def _crash(self) -> None:
        """Stop the server as a loss of power would, and start it again."""
        pid = embedded.start(self._folder).pid
        os.kill(pid, signal.SIGQUIT)
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=30)
        time.sleep(self._chance.uniform(0, 1))
        assert embedded.start(self._folder).url == self._url
        self._crashes += 1


def _attach(store: embeddb.Store, name: str) -> None:
    from tests.support.workers import attach

    encoder = load_encoder(
        chaos.MODEL, settings=EncoderSettings(python_models=("tests.support.chaos",))
    )
    attach(store, "public.notes", "body", name=name, model=encoder)


if __name__ == "__main__":
    main()
