"""What it costs as a collection grows: 10,000, 100,000 and 1,000,000 vectors.

The vectors are synthetic (384 dimensions around 1,000 centres), since the real corpus ends at
117,000: read the growth, not the recall. In two forms: float32 under HNSW, and one byte a
dimension under an HNSW index on thermometer codes.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import embeddb
from benchmarks.common import clustered, fresh_database, parser, show
from benchmarks.measuring import Truth, documents, measure
from benchmarks.storage import bytes_of
from embeddb import HNSW

FORMS: dict[str, dict[str, Any]] = {
    "vector, HNSW": {"index": HNSW(ef_search=80)},
    "int8 rotation, HNSW on bit3": {
        "storage": "int8",
        "transform": "rotation",
        "index": HNSW(m=11, ef_construction=128, on="bit3", ef_search=100, oversample=5),
    },
}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    made.add_argument("--queries", type=int, default=200)
    made.add_argument("--only", help="forms whose name has this in it")
    made.add_argument("--out", type=Path, help="a file for everything measured, as JSON")
    options = made.parse_args()
    vectors = clustered(max(options.rows) + options.queries)
    queries = vectors[-options.queries :]
    found: list[dict[str, Any]] = []
    for rows in options.rows:
        truth = Truth.of(vectors[:rows], queries)
        for name, form in FORMS.items():
            if options.only and options.only not in name:
                continue
            with fresh_database(options.dsn) as url, embeddb.connect(url) as store:
                base = vectors[:rows]
                collection = store.create_collection(
                    "bench", model=None, dim=vectors.shape[1], **form
                )
                started = time.perf_counter()
                collection.ingest(documents(base, lambda row: {"n": row}), build_index=False)
                loaded = time.perf_counter()
                collection.create_index()
                built = time.perf_counter()
                measured = measure(store, collection, truth, base)
                table, index = bytes_of(store, collection)
            found.append(
                {
                    "way": f"{name}, {rows:,}",
                    "load rows/s": rows / (loaded - started),
                    "build s": built - loaded,
                    "table MB": table / 1e6,
                    "index MB": index / 1e6,
                    "recall": measured.recall,
                    "p50 ms": measured.p50_ms,
                    "p95 ms": measured.p95_ms,
                }
            )
            print(json.dumps(found[-1]), flush=True)
    show(options, "A collection as it grows (synthetic vectors, 384 dimensions)", found)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
