"""How long it takes to adopt the vectors of an application's own column, beside copying them.

A table of `--rows` rows with a text and a vector of `--dim` numbers. Copying is one INSERT … SELECT
of key, text and vector into a table with the primary key that chunks have; adopting is
`attach(embedding_column=…)`, its sample and its checks included. In turns, `--rounds` times each,
on one server; the medians are shown, and how many texts the encoder was given.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg

import embeddb
from benchmarks.common import fresh_database, parser, show
from embeddb import Store
from embeddb.records import ModelInfo, Role, Vector

TABLE = "CREATE TABLE public.items (id bigint PRIMARY KEY, name text, embedding vector({}))"

COPIED = (
    "CREATE TABLE public.copied (id text, chunk_no integer, content text, embedding vector({}), "
    "PRIMARY KEY (id, chunk_no))"
)

COPY = "INSERT INTO copied SELECT id::text, 0, name, embedding FROM items"


class Seeded:
    """Makes of a text the vector that its number is the seed of; counts the texts."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.texts = 0

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(name="seeded", fingerprint="seeded", dim=self.dim, normalized=True)

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        self.texts += len(texts)
        return np.stack([vector(text, self.dim) for text in texts])


def vector(text: str, dim: int) -> Vector:
    """Return a vector of length 1 and of a direction that the text chooses."""
    made = np.random.default_rng(list(text.encode())).standard_normal(dim)
    found: Vector = (made / np.linalg.norm(made)).astype(np.float32)
    return found


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--rows", type=int, default=100_000)
    made.add_argument("--dim", type=int, default=384)
    options = made.parse_args()
    copied: list[float] = []
    adopted: dict[str, list[float]] = {"auto": [], "none": []}
    texts: dict[str, int] = {}
    with fresh_database(options.dsn) as url, embeddb.connect(url) as store:
        fill(url, options.rows, options.dim)
        for _ in range(options.rounds):
            copied.append(copy(url, options.dim))
            for chunker, seconds in adopted.items():
                encoder = Seeded(options.dim)
                seconds.append(adopt(store, encoder, options.rows, chunker))
                texts[chunker] = encoder.texts
    first = statistics.median(copied)
    rows: list[dict[str, Any]] = [{"way": "copied", "s": first, "times": 1.0, "texts encoded": 0}]
    for chunker, measured in adopted.items():
        second = statistics.median(measured)
        way = f"adopted, chunker {chunker}"
        times = second / first
        rows.append({"way": way, "s": second, "times": times, "texts encoded": texts[chunker]})
    print(json.dumps({"copied": copied, "adopted": adopted, "texts": texts}))
    show(options, f"{options.rows:,} vectors of {options.dim} numbers", rows)


def adopt(store: Store, encoder: Seeded, rows: int, chunker: str) -> float:
    """Return how many seconds it takes to attach with the vectors that are there."""
    started = time.perf_counter()
    found = store.attach(
        "items",
        text="name",
        model=encoder,
        embedding_column="embedding",
        index=None,
        chunker=chunker,
    )
    seconds = time.perf_counter() - started
    if found.count_chunks() != rows:
        raise SystemExit(f"Only {found.count_chunks()} rows of {rows} kept their vectors.")
    store.detach("items")
    return seconds


def fill(url: str, rows: int, dim: int) -> None:
    """Create the application's table."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLE.format(dim).encode())
        copying = connection.cursor().copy("COPY items (id, name, embedding) FROM STDIN")
        with copying as copy:
            for n in range(rows):
                text = f"item {n} of the application, of which this is the name"
                copy.write_row((n, text, str(vector(text, dim).tolist())))
        connection.execute("VACUUM ANALYZE items")


def copy(url: str, dim: int) -> float:
    """Return how many seconds a plain copy takes."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS copied")
        connection.execute(COPIED.format(dim).encode())
        started = time.perf_counter()
        connection.execute(COPY)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
