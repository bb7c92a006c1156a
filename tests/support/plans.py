"""What Postgres did for a search: the indexes that it read, and the way that it took."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from embeddb import Collection
from embeddb.db.rendering import as_text
from embeddb.db.vectors import BinaryVector
from embeddb.records import Vector
from embeddb.repository.search.options import Filter
from embeddb.repository.search.searcher import split_filter
from embeddb.repository.search.shape import SearchShape
from tests.support.postgres import Row, session


def read_indexes(docs: Collection, query: Vector, limit: int = 10, **wanted: Any) -> set[str]:  # noqa: ANN401
    """Name the indexes that a search really read: what is planned but never runs is left out."""
    plan = run(docs, query, limit, explain=True, **wanted)[0][0]
    return set(_executed(json.loads(plan) if isinstance(plan, str) else plan))


def ways(docs: Collection, query: Vector, limit: int = 10, **wanted: Any) -> set[str]:  # noqa: ANN401
    """Name the ways by which the rows of a search were found."""
    return {row[-1] for row in run(docs, query, limit, plan=True, **wanted)}


def run(
    docs: Collection,
    query: Vector,
    limit: int = 10,
    *,
    filter: Filter = None,
    plan: bool = False,
    explain: bool = False,
) -> list[Row]:
    """Run a search's statement, compiled anew with the constants as they are now."""
    condition, values = split_filter(filter)
    shape = SearchShape(limit=limit, filter=condition, plan=plan)
    text, given = as_text(docs._searcher.compiler.select(shape))
    prefix = "EXPLAIN (ANALYZE, FORMAT JSON) " if explain else ""
    with session(docs._database.url) as connection:
        return connection.execute(
            (prefix + text).encode(), {"query": BinaryVector(query), **given, **values}
        ).fetchall()


def _executed(plan: object) -> Iterator[str]:
    if isinstance(plan, list):
        for part in plan:
            yield from _executed(part)
    elif isinstance(plan, dict):
        if "Index Name" in plan and plan.get("Actual Loops", 0) > 0:
            yield plan["Index Name"]
        yield from _executed(list(plan.values()))
