"""Bytes, recall and time of every storage kind and index, on real sentence embeddings.

The same vectors in one collection after another, on one server: 116,533 glosses of WordNet as
all-MiniLM-L6-v2 encodes them, and 500 held-out glosses as queries. Bytes are those of the table
of vectors (with its keys) and of its vector index. Recall@10 is against the exact float32
answer, so what the storage loses is in it. `candidates` is ef_search, or what is rescored,
raised until the recall is at least --recall; p50 is one search by one client, hits in hand.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import embeddb
from benchmarks import corpus
from benchmarks.common import fresh_database, parser, show
from benchmarks.measuring import LADDER, Measured, Truth, documents, measure, with_candidates
from embeddb import HNSW, IVFPQ, Collection, IVFFlat, Store
from embeddb.records import Vector
from embeddb.schema.indexes import IndexSpec


@dataclass(frozen=True, kw_only=True)
class Form:
    """A way to store vectors and to index them."""

    name: str
    storage: str = "vector"
    transform: str | None = None
    index: IndexSpec | None = None


FORMS = (
    Form(name="vector, HNSW", index=HNSW()),
    Form(name="vector, IVFFlat", index=IVFFlat()),
    Form(name="vector, HNSW on halfvec", index=HNSW(on="halfvec")),
    Form(name="vector, HNSW on subvector:192", index=HNSW(on="subvector:192")),
    Form(name="halfvec, HNSW", storage="halfvec", index=HNSW()),
    Form(
        name="halfvec rotation:pca, HNSW on pca:128",
        storage="halfvec",
        transform="rotation:pca",
        index=HNSW(on="pca:128"),
    ),
    Form(name="int8, HNSW", storage="int8", index=HNSW()),
    Form(name="int8, HNSW on bit", storage="int8", index=HNSW(on="bit")),
    Form(
        name="int8 rotation, HNSW on bit2",
        storage="int8",
        transform="rotation",
        index=HNSW(on="bit2"),
    ),
    Form(
        name="int8 rotation, HNSW(ef_construction=200) on bit2",
        storage="int8",
        transform="rotation",
        index=HNSW(on="bit2", ef_construction=200),
    ),
    Form(
        name="int8 rotation, HNSW(m=11, ef_construction=128) on bit3",
        storage="int8",
        transform="rotation",
        index=HNSW(m=11, ef_construction=128, on="bit3"),
    ),
    Form(name="int8, IVFPQ", storage="int8", index=IVFPQ()),
    Form(name="int8 pca:256, HNSW", storage="int8", transform="pca:256", index=HNSW()),
)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--wordnet", type=Path, default=corpus.WORDNET)
    made.add_argument(
        "--rows", type=int, default=None, help="of the corpus; all of them if not said"
    )
    made.add_argument("--queries", type=int, default=500)
    made.add_argument("--exact-queries", type=int, default=30)
    made.add_argument("--recall", type=float, default=0.98)
    made.add_argument("--only", nargs="*", help="the forms of these names; all if not said")
    made.add_argument("--out", type=Path, help="a file for everything measured, as JSON")
    made.add_argument("--plot", type=Path, help="a PNG")
    options = made.parse_args()
    vectors = corpus.vectors(options.wordnet)
    queries, base = vectors[: options.queries], vectors[options.queries :][: options.rows]
    truth = Truth.of(base, queries)
    few = Truth.of(base, queries[: options.exact_queries])
    rows: list[dict[str, Any]] = []
    with fresh_database(options.dsn) as url, embeddb.connect(url) as store:
        for number, form in enumerate(FORMS):
            if options.only and form.name not in options.only:
                continue
            rows.append(one(store, f"form{number}", form, base, truth, few, options.recall))
            print(json.dumps(rows[-1]), flush=True)
            store.drop_collection(f"form{number}")
    first = rows[0]
    shown = [
        {
            "way": row["way"],
            "MB": row["bytes"] / 1e6,
            "of the first": row["bytes"] / first["bytes"],
            "build s": row["build_s"],
            "exact": row["exact_recall"],
            "candidates": row["candidates"],
            "recall": row["recall"],
            "p50 ms": row["p50_ms"],
            "times": row["p50_ms"] / first["p50_ms"],
        }
        for row in rows
    ]
    show(options, f"{len(base):,} vectors of WordNet, recall@10 of {options.recall} or more", shown)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n")
    if options.plot:
        from benchmarks.plots import storage

        storage(rows, options.plot)


def one(
    store: Store,
    name: str,
    form: Form,
    base: Vector,
    truth: Truth,
    few: Truth,
    target: float,
) -> dict[str, Any]:
    """Load, build, and climb the ladder."""
    collection = store.create_collection(
        name,
        model=None,
        dim=base.shape[1],
        storage=form.storage,
        transform=form.transform,
        index=form.index,
    )
    started = time.perf_counter()
    collection.ingest(documents(base, lambda row: {}), build_index=False)
    loaded = time.perf_counter()
    collection.create_index()
    built = time.perf_counter()
    curve = climb(store, collection, truth, base)
    reached = next((step for step in curve if step[1].recall >= target), curve[-1])
    return {
        "way": form.name,
        "bytes": sum(bytes_of(store, collection)),
        "table_bytes": bytes_of(store, collection)[0],
        "index_bytes": bytes_of(store, collection)[1],
        "load_rows_per_s": len(base) / (loaded - started),
        "build_s": built - loaded,
        "exact_recall": measure(store, collection, few, base, exact=True).recall,
        "candidates": reached[0],
        "recall": reached[1].recall,
        "p50_ms": reached[1].p50_ms,
        "p95_ms": reached[1].p95_ms,
        "curve": [(candidates, *measured) for candidates, measured in curve],
    }


def climb(
    store: Store, collection: Collection, truth: Truth, base: Vector
) -> list[tuple[int, Measured]]:
    """Measure with more and more candidates."""
    index = collection.record.generation.index
    return [
        (
            candidates,
            measure(store, collection, truth, base, index=with_candidates(index, candidates)),
        )
        for candidates in LADDER
    ]


def bytes_of(store: Store, collection: Collection) -> tuple[int, int]:
    """Return the bytes of the table of vectors with its primary key, and of the vector index."""
    table = collection.record.tables.chunks.as_string(None).replace("%%", "%")
    with store.database.connection() as connection:
        row = connection.execute(
            "SELECT pg_table_size(t) + (SELECT sum(pg_relation_size(indexrelid)) FROM pg_index"
            " WHERE indrelid = t AND indisprimary) FROM (SELECT %s::regclass) x (t)",
            (table,),
        ).fetchone()
    assert row is not None
    name = collection.record.tables.metadata_index
    return int(row[0]), sum(found.bytes for found in collection.indexes() if found.name != name)


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
