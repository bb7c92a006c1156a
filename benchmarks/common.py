"""What the benchmarks share: vectors, a database of their own, peers, tables."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg import conninfo, sql
from rich.console import Console
from rich.table import Table

import embeddb
from embeddb.config import Settings
from embeddb.records import Document, Vector
from embeddb.store import start_embedded

DATABASE = "embeddb_bench"
PEER_PYTHON = Path(".venv-peers/bin/python")


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Make a parser with the options that every benchmark has."""
    made = argparse.ArgumentParser(description=doc)
    made.add_argument("--dsn", help="a server to use instead of the embedded one")
    made.add_argument("--json", action="store_true", help="print one JSON object")
    made.add_argument("--rounds", type=int, default=3, help="turns of each way; medians are shown")
    made.add_argument("--peer-python", type=Path, default=PEER_PYTHON)
    return made


def clustered(rows: int, dim: int = 384, seed: int = 0) -> Vector:
    """Draw unit vectors around 1,000 centres: synthetic, but with neighbours to be found."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((1000, dim)).astype(np.float32)
    vectors = centres[random.integers(0, 1000, rows)]
    vectors += 0.7 * random.standard_normal((rows, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def documents(vectors: Vector) -> Iterator[Document]:
    """Return a document for each vector: an id, a short text, a little metadata."""
    for row, vector in enumerate(vectors):
        yield Document(
            id=f"doc-{row}",
            content=f"the gloss number {row} of a dictionary with some words",
            metadata={"n": row},
            embedding=vector,
        )


@contextmanager
def fresh_database(dsn: str | None) -> Iterator[str]:
    """Return the URL of a new, migrated database, dropped at the end."""
    server = dsn or start_embedded(Settings.from_environment())
    database = DATABASE + "_" + str(os.getpid())  # two benchmarks may run at the same time
    name = sql.Identifier(database)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        url = conninfo.make_conninfo(server, dbname=database)
        try:
            embeddb.migrate(url)
            yield url
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def peer(
    python: Path, script: str, task: str, url: str, vectors: Path, *more: str
) -> dict[str, float] | None:
    """Run a peer's script in its venv; None where that venv is not there."""
    if not python.exists():
        return None
    parts = conninfo.conninfo_to_dict(url)
    place = f"{parts.get('user') or 'postgres'}@/{parts['dbname']}?host={parts['host']}"
    done = subprocess.run(
        [
            python,
            Path(__file__).parent / "peers" / script,
            task,
            "postgresql+asyncpg://" + place,
            vectors,
            *more,
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def show(options: argparse.Namespace, title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print the result as a table or as JSON, with the machine that it is true of."""
    machine = {"machine": platform.processor() or platform.machine(), "cpus": _cpus()}
    console = Console(width=110)
    if options.json:
        console.print_json(json.dumps({"title": title, **machine, "rows": list(rows)}))
        return
    table = Table(title=title, caption=f"{_cpu_name()}, {machine['cpus']} CPUs", highlight=True)
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "way" else "right")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:,.3g}"
    return "—" if value is None else str(value)


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
