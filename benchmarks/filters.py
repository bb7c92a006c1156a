"""Filters that pass 50, 10, 1 and 0.1 % of the rows: recall, rows found, time.

Which rows pass is drawn at random (uncorrelated with the query), or they are those most like one
gloss, and the queries are the held-out ones most like it (near) or least like it (far): the
worst case of a graph index, which has to leave the query's surroundings. Beside it the statement
that one would write by hand, with pgvector's defaults but for the same ef_search, on the same
tables and index. On real sentence embeddings of WordNet.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.types.json import Jsonb

import embeddb
from benchmarks import corpus
from benchmarks.common import fresh_database, parser, show
from benchmarks.measuring import LIMIT, Truth, documents, measure
from embeddb import HNSW, Collection, Store
from embeddb.db.vectors import BinaryVector
from embeddb.records import Vector

SHARES = {"50": 0.5, "10": 0.1, "1": 0.01, "tenth": 0.001}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--wordnet", type=Path, default=corpus.WORDNET)
    made.add_argument(
        "--rows", type=int, default=None, help="of the corpus; all of them if not said"
    )
    made.add_argument("--queries", type=int, default=100)
    made.add_argument("--ef-search", type=int, default=80)
    made.add_argument("--out", type=Path, help="a file for everything measured, as JSON")
    options = made.parse_args()
    vectors = corpus.vectors(options.wordnet)
    held_out, base = vectors[:2000], vectors[2000:][: options.rows]
    anchor = base[0]
    near = held_out[np.argsort(-(held_out @ anchor))][: options.queries]
    far = held_out[np.argsort(held_out @ anchor)][: options.queries]
    some = held_out[: options.queries]
    marks = flags(base, anchor)
    with fresh_database(options.dsn) as url, embeddb.connect(url) as store:
        collection = store.create_collection(
            "bench", model=None, dim=base.shape[1], index=HNSW(ef_search=options.ef_search)
        )
        names = list(marks)
        collection.ingest(
            documents(base, lambda row: {name: bool(marks[name][row]) for name in names})
        )
        rows = []
        for kind, queries in (("random", some), ("near", near), ("far", far)):
            plain = measure(store, collection, Truth.of(base, queries), base)
            rows.append(line(kind, "all", plain, plain.p50_ms, LIMIT, None, None))
            for share in SHARES:
                name = ("random " if kind == "random" else "like ") + share
                truth = Truth.of(base, queries, marks[name])
                measured = measure(store, collection, truth, base, filter={name: True})
                fewest = least_found(collection, queries, {name: True})
                hand = by_hand(store, collection, queries, {name: True}, options.ef_search)
                rows.append(line(kind, share, measured, plain.p50_ms, fewest, *hand))
    show(
        options,
        f"{len(base):,} vectors, HNSW, ef_search {options.ef_search}, limit {LIMIT}",
        rows,
    )
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n")


def line(
    kind: str,
    share: str,
    measured: Any,  # noqa: ANN401
    plain_ms: float,
    fewest: int,
    hand_rows: float | None,
    hand_ms: float | None,
) -> dict[str, Any]:
    return {
        "way": f"{kind}, {100 * SHARES[share]:g} %" if share != "all" else f"{kind}, no filter",
        "recall": measured.recall,
        "fewest rows": fewest,
        "p50 ms": measured.p50_ms,
        "p95 ms": measured.p95_ms,
        "times no filter": measured.p50_ms / plain_ms,
        "by hand: rows": hand_rows,
        "by hand: p50 ms": hand_ms,
    }


def flags(base: Vector, anchor: Vector) -> dict[str, NDArray[np.bool_]]:
    """Return for each row which filters it passes."""
    random = np.random.default_rng(0)
    order = np.argsort(-(base @ anchor))
    found: dict[str, NDArray[np.bool_]] = {}
    for name, share in SHARES.items():
        found["random " + name] = random.random(len(base)) < share
        found["like " + name] = np.zeros(len(base), dtype=bool)
        found["like " + name][order[: int(len(base) * share)]] = True
    return found


def least_found(collection: Collection, queries: Vector, filter: dict[str, Any]) -> int:
    """Return the fewest rows that a search of these returned."""
    return min(len(collection.search(query, LIMIT, filter=filter)) for query in queries)


def by_hand(
    store: Store,
    collection: Collection,
    queries: Vector,
    filter: dict[str, Any],
    ef_search: int,
) -> tuple[float, float]:
    """Join, filter, order and limit: the mean of the rows found, and p50 in milliseconds."""
    tables = collection.record.tables
    statement = sql.SQL(
        "SELECT c.id, c.chunk_no, d.metadata, c.embedding OPERATOR(public.<=>) %(query)s::vector"
        " FROM {chunks} c JOIN {documents} d ON d.id = c.id WHERE d.metadata @> %(filter)s"
        " ORDER BY c.embedding OPERATOR(public.<=>) %(query)s::vector LIMIT 10"
    ).format(chunks=tables.chunks, documents=tables.documents)
    times, found = [], []
    with psycopg.connect(store.url) as connection:
        connection.execute("SELECT set_config('hnsw.ef_search', %s, false)", (str(ef_search),))
        for query in queries:
            started = time.perf_counter()
            values = {"query": BinaryVector(query), "filter": Jsonb(filter)}
            rows = connection.execute(statement, values, prepare=False).fetchall()
            times.append((time.perf_counter() - started) * 1000)
            found.append(len(rows))
    return float(np.mean(found)), float(np.percentile(times, 50))


if __name__ == "__main__":
    main()
