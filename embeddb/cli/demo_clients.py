"""One question asked in each of three ways: from Python, from the command line, in SQL."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embeddb.cli.common.output import snippet
from embeddb.cli.common.psql import psql_command
from embeddb.errors import EmbedDBError

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.store import Store

SEARCH_SQL = """\
SELECT id, round(score::numeric, 3) AS score, left(content, 60) AS text
  FROM :"schema".python_docs_search(:'query'::vector, 5);"""

# Plain pgvector: no Python, no model. The query is a vector that is stored already.
NEAREST_SQL = """\
SELECT id, round(distance::numeric, 3) AS distance, left(content, 60) AS text
  FROM (SELECT id, content, embedding <=> (SELECT embedding
                                             FROM :"schema".:"chunks"
                                            WHERE id = :'id' AND chunk_no = 0) AS distance
          FROM :"schema".:"chunks"
         ORDER BY distance
         LIMIT 5) nearest;"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got: rows of id, number and text, and the time that it took."""

    rows: list[tuple[str, str, str]]
    ms: float

    @property
    def ids(self) -> list[str]:
        """The ids, the nearest first."""
        return [row[0] for row in self.rows]


def by_python(collection: Collection, question: str, limit: int) -> Answer:
    """Search through the Python API."""
    started = time.perf_counter()
    hits = collection.search(question, limit=limit)
    rows = [(hit.id, f"{hit.score:.3f}", snippet(hit.content, 60)) for hit in hits]
    return Answer(rows, _ms(started))


def by_command(store: Store, collection: str, question: str, limit: int) -> Answer:
    """Search through `embeddb search`, a process of its own that loads the model itself."""
    command = [sys.executable, "-m", "embeddb.cli", "search", collection, question]
    command += ["--limit", str(limit), "--schema", store.database.schema]
    started = time.perf_counter()
    output = _run([*command, "--dsn", store.url, "--json"])
    rows = [
        (hit["id"], f"{hit['score']:.3f}", snippet(hit["content"], 60))
        for hit in json.loads(output)["hits"]
    ]
    return Answer(rows, _ms(started))


def by_psql(store: Store, statement: str, variables: Mapping[str, str]) -> Answer:
    """Run a statement in psql, its values passed as psql's variables."""
    names = {"schema": store.database.schema, "pgvector": store.database.vector_schema()}
    command = psql_command(store.url, ["--csv", "--quiet", "--no-psqlrc", "--tuples-only"])
    for name, value in {"ON_ERROR_STOP": "1", **names, **variables}.items():
        command += ["--set", f"{name}={value}"]
    started = time.perf_counter()
    output = _run(command, 'SET search_path TO :"pgvector";\n' + statement)
    return Answer([(row[0], row[1], snippet(row[2])) for row in _rows(output)], _ms(started))


def shown(statement: str, schema: str, values: Mapping[str, str]) -> str:
    """Return a statement as one would type it, for people to read."""
    text = statement.replace(':"schema"', schema)
    for name, value in values.items():
        text = text.replace(f":'{name}'", f"'{value}'").replace(f':"{name}"', value)
    return text


def _run(command: Sequence[str], statement: str | None = None) -> str:
    result = subprocess.run(
        command, input=statement, capture_output=True, encoding="utf-8", check=False
    )
    if result.returncode != 0:
        raise EmbedDBError(f"{command[0]} failed: {result.stderr.strip()}")
    return result.stdout


def _rows(output: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(output, newline="")))


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
