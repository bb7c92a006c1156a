"""Peak resident memory of ingesting a JSONL file of ready vectors, a line each.

The file is written first, by another process; then `embeddb ingest` runs as anyone would run it,
and the kernel tells its peak.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

from benchmarks.common import clustered, fresh_database, parser, show

PORTION = 10_000


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--rows", type=int, default=1_000_000)
    made.add_argument("--dim", type=int, default=384)
    options = made.parse_args()
    with fresh_database(options.dsn) as url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.jsonl"
        write_lines(path, options.rows, options.dim)
        tool = [Path(sys.executable).with_name("embeddb")]
        create = ["collection", "create", "bench", "--dim", str(options.dim), "--index", "none"]
        subprocess.run([*tool, *create, "--dsn", url], check=True, stdout=subprocess.DEVNULL)
        started = time.perf_counter()
        ingest = ["ingest", "bench", str(path), "--no-progress", "--json", "--dsn", url]
        done = subprocess.run([*tool, *ingest], check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        assert json.loads(done.stdout)["added"] == options.rows
        file_mb = os.path.getsize(path) / 1e6
    row = {
        "way": "embeddb ingest",
        "lines": options.rows,
        "file MB": file_mb,
        "peak MB": peak,
        "rows/s": options.rows / seconds,
    }
    show(options, "Ingesting JSONL with ready vectors", [row])


def write_lines(path: Path, rows: int, dim: int) -> None:
    with path.open("wb") as file:
        for start in range(0, rows, PORTION):
            vectors = clustered(min(PORTION, rows - start), dim, seed=start)
            for row, vector in enumerate(vectors, start):
                line = {"id": f"doc-{row}", "content": f"line {row}", "embedding": vector}
                file.write(orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")


if __name__ == "__main__":
    main()
