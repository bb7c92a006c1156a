"""Time of one search by vector: embeddb, the same statement by hand, and langchain-postgres.

By hand means the very statement that embeddb sends, prepared with psycopg on an open connection,
its rows fetched. In turns, query by query, on one server and one HNSW index. Then all queries at
once with `search_many`, in turns with one search after the other.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

import embeddb
from benchmarks import corpus
from benchmarks.common import clustered, documents, fresh_database, parser, peer, show
from embeddb.db.rendering import as_text
from embeddb.db.vectors import BinaryVector
from embeddb.records import Vector
from embeddb.repository.search.compiler import Compiler
from embeddb.repository.search.shape import SearchShape

LIMIT = 10
WARM_UP = 50


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--rows", type=int, default=50_000)
    made.add_argument("--queries", type=int, default=500)
    made.add_argument("--wordnet", type=Path, help="real vectors: where WordNet's files are")
    options = made.parse_args()
    if options.wordnet:
        vectors = corpus.vectors(options.wordnet)[: options.rows + options.queries]
        options.rows = len(vectors) - options.queries
    else:
        vectors = clustered(options.rows + options.queries)
    stored, queries = vectors[: options.rows], vectors[options.rows :]
    with (
        fresh_database(options.dsn) as url,
        embeddb.connect(url) as store,
        tempfile.TemporaryDirectory() as folder,
    ):
        collection = store.create_collection("bench", model=None, dim=stored.shape[1])
        collection.ingest(documents(stored))
        by_hand = ByHand(url, collection)
        times = in_turns(collection, by_hand, list(queries))
        many = many_in_turns(collection, queries, options.rounds)
        recall = collection.recall(queries=queries[:100])
        path = Path(folder) / "vectors.npy"
        np.save(path, vectors)
        sizes = ("--rows", str(options.rows), "--queries", str(options.queries))
        found = None
        if peer(options.peer_python, "langchain.py", "load", url, path, *sizes):
            found = peer(options.peer_python, "langchain.py", "search", url, path, *sizes)
    rows: list[dict[str, Any]] = []
    hand = statistics.median(times["by hand"])
    for way, values in times.items():
        p95 = statistics.quantiles(values, n=20)[-1]
        p50 = statistics.median(values)
        rows.append(row(way, p50, p95, p50 / hand))
    if found:
        p50 = found["p50_ms"]
        rows.append(row("langchain", p50, None, p50 / hand))
    rows += many
    title = f"One search among {options.rows:,} vectors, limit {LIMIT}, recall {recall.recall:.3f}"
    show(options, title, rows)


def row(
    way: str,
    p50: float | None,
    p95: float | None,
    times: float | None,
    rate: float | None = None,
    gain: float | None = None,
) -> dict[str, Any]:
    return {
        "way": way,
        "p50 ms": p50,
        "p95 ms": p95,
        "times by hand": p50 and times,
        "searches/s": rate,
        "times one by one": gain,
    }


def many_in_turns(
    collection: embeddb.Collection, queries: Vector, rounds: int
) -> list[dict[str, Any]]:
    """Time all queries together and one by one, in turns; give the medians of the rates."""
    rates: dict[str, list[float]] = {"one by one": [], "search_many": []}
    for turn in range(rounds + 1):  # the first turn warms up
        ways: list[tuple[str, Callable[[], Sequence[object]]]] = [
            ("one by one", lambda: [collection.search(query, LIMIT) for query in queries]),
            ("search_many", lambda: collection.search_many(queries, LIMIT)),
        ]
        for way, search in ways:
            started = time.perf_counter()
            found = search()
            seconds = time.perf_counter() - started
            assert len(found) == len(queries)
            if turn:
                rates[way].append(len(queries) / seconds)
    gain = statistics.median(
        many / one for one, many in zip(rates["one by one"], rates["search_many"], strict=True)
    )
    return [
        row("one by one", None, None, None, statistics.median(rates["one by one"])),
        row("search_many", None, None, None, statistics.median(rates["search_many"]), gain),
    ]


class ByHand:
    """What an engineer would write with psycopg: one connection, one prepared statement."""

    def __init__(self, url: str, collection: embeddb.Collection) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        compiler = Compiler(collection.record, schema="embeddb", vector_schema="public")
        self._statement, _ = as_text(compiler.select(SearchShape(limit=LIMIT)))

    def search(self, query: Vector) -> list[tuple[Any, ...]]:
        return self._connection.execute(
            self._statement.encode(), {"query": BinaryVector(query)}, prepare=True
        ).fetchall()


def in_turns(
    collection: embeddb.Collection, by_hand: ByHand, queries: list[Vector]
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {"by hand": [], "embeddb": []}
    for number, query in enumerate(queries[:WARM_UP] + queries):
        ways: list[tuple[str, Callable[[Vector], Sequence[object]]]] = [
            ("by hand", by_hand.search),
            ("embeddb", lambda query: collection.search(query, LIMIT)),
        ]
        for way, search in ways if number % 2 else reversed(ways):
            started = time.perf_counter()
            rows = search(query)
            seconds = time.perf_counter() - started
            assert len(rows) == LIMIT
            if number >= WARM_UP:
                times[way].append(seconds * 1000)
    return times


if __name__ == "__main__":
    main()
