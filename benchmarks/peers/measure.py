"""What every peer is measured by: load, build, then one search and eight clients at equal recall.

A script gives a `Peer`; `main` runs it and prints one JSON object as the last line. Only the
library's own calls are timed: the records it wants are made before, its answers are read after.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

M = 16
EF_CONSTRUCTION = 64
LADDER = (40, 60, 80, 100, 150, 200, 300, 400)
TIMED = 300
WARM_UP = 30
CLIENTS = 8

Search = Callable[[Any], Any]


class Peer(ABC):
    """One library: how it loads ready vectors, builds its index, and searches."""

    name: ClassVar[str]
    package: ClassVar[str]
    clients: ClassVar[str] = "threads"
    index_while_loading: ClassVar[bool] = False
    notes: ClassVar[list[str]] = []

    def __init__(self, url: str, dim: int, limit: int) -> None:
        self.url = url
        self.dim = dim
        self.limit = limit
        self.settings: dict[str, Any] = {"m": M, "ef_construction": EF_CONSTRUCTION}

    @abstractmethod
    def records(self, vectors: np.ndarray) -> Any:  # noqa: ANN401
        """Make what the library's loading call wants; not timed."""

    @abstractmethod
    def load(self, records: Any) -> None:  # noqa: ANN401
        """Load them by the library's documented bulk call; timed."""

    def build(self) -> None:  # noqa: B027
        """Build the index, where that is a step of its own; timed."""

    def settle(self) -> None:  # noqa: B027
        """Do what comes between building and searching; not timed."""

    @abstractmethod
    def open(self, ef: int) -> Search:
        """Return one client's search with that ef_search, or the library's equivalent of it."""

    @abstractmethod
    def ids(self, found: Any) -> list[int]:  # noqa: ANN401
        """Read the row numbers out of what a search gave; not timed."""

    def query(self, vector: np.ndarray) -> Any:  # noqa: ANN401
        """Make what the library's search wants as a vector; not timed."""
        return vector.tolist()

    @abstractmethod
    def size(self) -> int:
        """Return the bytes on disk of its rows and its index."""

    def close(self) -> list[str]:
        """Leave nothing open; give notes on what was seen meanwhile."""
        return []


class FolderPeer(Peer):
    """A library that keeps its data in a folder: a new one, below the one that `--url` names."""

    def __init__(self, url: str, dim: int, limit: int) -> None:
        super().__init__(url, dim, limit)
        self.folder = Path(url) / self.name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def text_of(row: int) -> str:
    return f"gloss number {row}"


def metadata_of(row: int) -> dict[str, int]:
    return {"n": row}


def batches(rows: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def arguments(peer: type[Peer]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=sys.modules[peer.__module__].__doc__)
    parser.add_argument("task", choices=["run"])
    parser.add_argument("--url", required=True, help="of a database, or a folder to write in")
    parser.add_argument("--vectors", required=True, help=".npy, float32, unit length, (n, dim)")
    parser.add_argument("--queries", required=True, help=".npy, as the vectors, (q, dim)")
    parser.add_argument("--truth", required=True, help=".npy, the exact row numbers, (q, limit)")
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--target-recall", type=float, default=0.98)
    parser.add_argument("--seconds", type=float, default=5.0, help="that the clients search for")
    parser.add_argument("--out", default="-", help="a file for the JSON object too")
    return parser.parse_args()


def main(peer: type[Peer]) -> None:
    options = arguments(peer)
    line = json.dumps(run(peer, options))
    if options.out != "-":
        Path(options.out).write_text(line + "\n")
    print(line, flush=True)


def run(kind: type[Peer], options: argparse.Namespace) -> dict[str, Any]:
    vectors = np.load(options.vectors)
    truth = np.load(options.truth)[:, : options.limit]
    peer = kind(options.url, vectors.shape[1], options.limit)
    queries = [peer.query(vector) for vector in np.load(options.queries)]

    load_s = loading(peer, vectors)
    build_s = seconds_of(peer.build)
    peer.settle()
    size = peer.size()

    notes = list(peer.notes)
    ef, recall = tune(peer, queries, truth, options.target_recall)
    if recall < options.target_recall:
        notes.append(f"recall {options.target_recall} is not reached: {recall:.4f} at ef {ef}")
    p50_ms, p95_ms = latency(peer.open(ef), queries)
    qps = throughput(peer, ef, queries, options.seconds)
    notes += peer.close()
    return {
        "peer": peer.name,
        "version": version(peer.package),
        "rows": len(vectors),
        "load_rows_per_s": round(len(vectors) / load_s, 1),
        "build_s": None if peer.index_while_loading else round(build_s, 3),
        "bytes": size,
        "settings": {**peer.settings, "ef_search": ef},
        "recall": round(recall, 4),
        "p50_ms": round(p50_ms, 3),
        "p95_ms": round(p95_ms, 3),
        "qps_8": round(qps, 1),
        "notes": [*notes, f"8 clients: {peer.clients}"],
    }


def loading(peer: Peer, vectors: np.ndarray) -> float:
    """Time the loading alone; the records are gone before anything is searched."""
    records = peer.records(vectors)
    return seconds_of(lambda: peer.load(records))


def seconds_of(step: Callable[[], None]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def tune(peer: Peer, queries: list[Any], truth: np.ndarray, target: float) -> tuple[int, float]:
    """Raise ef_search until the recall is there; give the setting, and the recall it has."""
    ef, recall = LADDER[0], 0.0
    for ef in LADDER:
        search = peer.open(ef)
        shares = [
            len(set(peer.ids(search(query))) & set(exact.tolist())) / len(exact)
            for query, exact in zip(queries, truth, strict=True)
        ]
        recall = float(np.mean(shares))
        if recall >= target:
            break
    return ef, recall


def latency(search: Search, queries: list[Any]) -> tuple[float, float]:
    """Time searches one after the other; give p50 and p95 in milliseconds."""
    times = []
    for number in range(WARM_UP + TIMED):
        query = queries[number % len(queries)]
        started = time.perf_counter()
        search(query)
        times.append((time.perf_counter() - started) * 1000)
    p50, p95 = np.percentile(times[WARM_UP:], [50, 95])
    return float(p50), float(p95)


def throughput(peer: Peer, ef: int, queries: list[Any], seconds: float) -> float:
    """Let the clients search for some seconds, all at once; give their searches a second."""
    ready = threading.Barrier(CLIENTS)

    def client(number: int) -> float:
        try:
            search = peer.open(ef)
            for query in queries[:WARM_UP]:
                search(query)
        except BaseException:
            ready.abort()
            raise
        ready.wait()
        done = number * len(queries) // CLIENTS
        first, started = done, time.perf_counter()
        while time.perf_counter() - started < seconds:
            search(queries[done % len(queries)])
            done += 1
        return (done - first) / (time.perf_counter() - started)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(client, range(CLIENTS)))
