"""Rows a second of ready vectors: embeddb, a bare binary COPY, and langchain-postgres.

All write the same 384-d vectors with an id, a text and a metadata object. The bare COPY fills one
table with a primary key through psycopg and pgvector; embeddb validates, hashes, and fills its
two tables; langchain-postgres calls add_embeddings. In turns, in one run, on one server.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from pgvector.psycopg import register_vector
from psycopg.types.json import Jsonb

import embeddb
from benchmarks.common import clustered, documents, fresh_database, parser, peer, show
from embeddb.records import Vector


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--rows", type=int, default=50_000)
    made.add_argument("--peer-rows", type=int, default=10_000)
    made.add_argument("--upserts", type=int, default=1_000)
    options = made.parse_args()
    vectors = clustered(options.rows)
    with fresh_database(options.dsn) as url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        np.save(path, vectors)
        loads: dict[str, list[float]] = {"bare": [], "embeddb": [], "langchain": []}
        upserts: dict[str, list[float]] = {"embeddb": [], "langchain": []}
        many = ("--rows", str(options.peer_rows))
        for _ in range(options.rounds):
            loads["bare"].append(bare_copy(url, vectors))
            loads["embeddb"].append(load(url, vectors))
        if found := peer(options.peer_python, "langchain.py", "load", url, path, *many):
            loads["langchain"].append(found["rows_per_second"])
        # both hold the same number of rows under an HNSW index when rows are replaced
        load(url, vectors[: options.peer_rows])
        build_index(url)
        many = ("--rows", str(options.upserts))
        for _ in range(options.rounds):
            upserts["embeddb"].append(upsert(url, vectors[: options.upserts]))
            if found := peer(options.peer_python, "langchain.py", "upsert", url, path, *many):
                upserts["langchain"].append(found["rows_per_second"])
    show(options, f"Loading {options.rows:,} vectors into an empty collection", rows_of(loads))
    show(
        options,
        f"Replacing {options.upserts:,} of {options.peer_rows:,} vectors under an HNSW index",
        rows_of(upserts),
    )


def rows_of(rates: dict[str, list[float]]) -> list[dict[str, Any]]:
    ours = statistics.median(rates["embeddb"])
    return [
        {
            "way": way,
            "rows/s": statistics.median(values) if values else None,
            "embeddb is times": ours / statistics.median(values) if values else None,
        }
        for way, values in rates.items()
    ]


def bare_copy(url: str, vectors: Vector) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        register_vector(connection)
        connection.execute("DROP TABLE IF EXISTS public.bare")
        connection.execute(
            "CREATE TABLE public.bare (id text PRIMARY KEY, content text, metadata jsonb, "
            "embedding vector(384))"
        )
        statement = "COPY public.bare (id, content, metadata, embedding) FROM STDIN (FORMAT binary)"
        rows = list(documents(vectors))
        started = time.perf_counter()
        with connection.cursor().copy(statement) as copy:
            copy.set_types(["text", "text", "jsonb", "vector"])
            for row in rows:
                copy.write_row((row.id, row.content, Jsonb(row.metadata), row.embedding))
        return len(vectors) / (time.perf_counter() - started)


def load(url: str, vectors: Vector) -> float:
    with embeddb.connect(url) as store:
        if any(collection.name == "bench" for collection in store.collections()):
            store.drop_collection("bench")
        collection = store.create_collection("bench", model=None, dim=vectors.shape[1])
        rows = list(documents(vectors))
        started = time.perf_counter()
        report = collection.ingest(rows, build_index=False)
        seconds = time.perf_counter() - started
        assert report.added == len(vectors), report
        return len(vectors) / seconds


def build_index(url: str) -> None:
    with embeddb.connect(url) as store:
        store.collection("bench").create_index()


def upsert(url: str, vectors: Vector) -> float:
    """Replace documents by others of the same ids, so that every row really changes."""
    moved = np.roll(vectors, 1, axis=0) + np.float32(time.time() % 1e-3)
    with embeddb.connect(url) as store:
        collection = store.collection("bench")
        rows = list(documents(moved))
        started = time.perf_counter()
        report = collection.ingest(rows)
        assert report.updated == len(vectors), report
        return len(vectors) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
