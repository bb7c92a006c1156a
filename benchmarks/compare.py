"""embeddb beside other libraries on the same real vectors: load, build, size, search, 8 clients.

Each peer loads the same vectors by its own documented bulk call, with an id, a short text and a
metadata object, builds HNSW with m=16 and ef_construction=64, and raises ef_search until recall@10
against the exact answer is --recall. One after the other, in processes of their own, on one
machine; the Postgres ones on one server. See benchmarks/peers/README.md for what each can and
cannot set.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import corpus
from benchmarks.common import fresh_database, parser, show

HERE = Path(__file__).parent / "peers"

POSTGRES = ("langchain", "llamaindex", "haystack_store", "vecs_store")
IN_PROCESS = ("chroma_store", "lance_store", "hnswlib_index", "faiss_index")
OWN = ("embeddb_store", "embeddb_small")


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--wordnet", type=Path, default=corpus.WORDNET)
    made.add_argument("--rows", type=int, default=30_000)
    made.add_argument("--queries", type=int, default=300)
    made.add_argument("--recall", type=float, default=0.98)
    made.add_argument("--only", nargs="*", help="scripts of benchmarks/peers to run")
    made.add_argument("--out", type=Path, help="a file for everything measured, as JSON")
    options = made.parse_args()
    vectors = corpus.vectors(options.wordnet)
    queries, base = vectors[: options.queries], vectors[options.queries :][: options.rows]
    found: list[dict[str, Any]] = []
    with fresh_database(options.dsn) as url, tempfile.TemporaryDirectory() as folder:
        paths = saved(Path(folder), base, queries)
        for script in options.only or OWN + POSTGRES + IN_PROCESS:
            python = sys.executable if script in OWN else str(options.peer_python)
            place = folder if script in IN_PROCESS else url
            if script not in OWN and not options.peer_python.exists():
                continue
            found.append(run(python, script, place, paths, options.recall))
            print(json.dumps(found[-1]), flush=True)
    rows = [
        {
            "way": peer["peer"],
            "rows/s": peer["load_rows_per_s"],
            "build s": peer["build_s"],
            "MB": peer["bytes"] / 1e6,
            "recall": peer["recall"],
            "ef": peer["settings"].get("ef_search"),
            "p50 ms": peer["p50_ms"],
            "p95 ms": peer["p95_ms"],
            "8 clients/s": peer["qps_8"],
        }
        for peer in found
    ]
    show(options, f"{len(base):,} vectors of WordNet, recall@10 of {options.recall} or more", rows)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n")


def saved(folder: Path, base: np.ndarray, queries: np.ndarray) -> list[str]:
    """Write what the peers read; give the options that say where it is."""
    truth = np.argsort(-(queries @ base.T), axis=1)[:, :10]
    options: list[str] = []
    for name, array in (("vectors", base), ("queries", queries), ("truth", truth)):
        np.save(folder / (name + ".npy"), array)
        options += ["--" + name, str(folder / (name + ".npy"))]
    return options


def run(python: str, script: str, place: str, paths: list[str], recall: float) -> dict[str, Any]:
    """Run one peer's script and read what it measured."""
    target = ["--target-recall", str(recall)]
    done = subprocess.run(
        [python, str(HERE / (script + ".py")), "run", "--url", place, *paths, *target],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{script} failed:\n{done.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


if __name__ == "__main__":
    main()
