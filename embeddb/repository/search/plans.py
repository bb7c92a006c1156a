"""What Postgres really did for a search: which way it took, and how many rows that read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from embeddb.db.database import Database
from embeddb.db.rendering import as_text, count_all
from embeddb.records import Hit, SearchPlan, Vector
from embeddb.repository.search.searcher import ResultRow, Searcher, SearchRequest, hit
from embeddb.repository.search.selectivity import selectivity
from embeddb.repository.search.shape import SearchShape
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import IVFPQ
from embeddb.schema.names import Tables

_DISTANCE = 4
"""Where the distance is in a row; the way by which the row was found comes last."""

Node = dict[str, Any]


class Plans:
    """Explains one collection's searches."""

    def __init__(self, database: Database, record: CollectionRecord, searcher: Searcher) -> None:
        self._database = database
        self._record = record
        self._searcher = searcher

    def search(self, query: Vector, request: SearchRequest) -> tuple[list[Hit], SearchPlan]:
        """Run a search twice, once under EXPLAIN ANALYZE; return its hits and its plan."""
        shape, values = request
        # without the threshold: even where no row is near enough, some show the way
        open_shape = replace(shape, plan=True, max_distance=False)
        open_values = {name: value for name, value in values.items() if name != "max_distance"}
        with self._database.connection() as connection:
            rows = self._searcher.rows(connection, query, open_shape, open_values)
        explained = self._searcher.explain(query, shape, values, ["ANALYZE", "FORMAT JSON"])[0][0]
        nodes = [node for node in _nodes(explained["Plan"]) if node.get("Actual Loops")]
        index = index_read(nodes, self._record)
        bound = values.get("max_distance")
        hits = [hit(row) for row in rows if bound is None or row[_DISTANCE] <= bound]
        assert shape.limit is not None  # only the SQL function has it as a parameter
        plan = SearchPlan(
            strategies=self._strategies(rows, shape, index),
            index=index,
            scanned=_scanned(nodes, self._record.tables),
            passing=self.passing(request),
            limit=shape.limit,
            returned=len(hits),
            filled=len(hits) == shape.limit,
            milliseconds=explained["Execution Time"],
        )
        return hits, plan

    def explain(self, query: Vector, request: SearchRequest, *, analyze: bool) -> list[str]:
        """Return Postgres's plan line by line, below a summary as comments."""
        if analyze:
            head = facts(self.search(query, request)[1])
            return head + self._searcher.explain(query, *request, ["ANALYZE", "BUFFERS"])
        head = ["-- index: " + (self.index(query, request) or "none")]
        return head + self._searcher.explain(query, *request)

    def index(self, query: Vector, request: SearchRequest) -> str | None:
        """Return the vector index that Postgres would read."""
        explained = self._searcher.explain(query, *request, ["FORMAT JSON"])[0][0]
        return index_read(_nodes(explained["Plan"]), self._record)

    def passing(self, request: SearchRequest) -> int | None:
        """Return about how many documents pass the filter; exactly where they are few."""
        shape, values = request
        if shape.filter is False:
            return None
        compiler = self._searcher.compiler
        known = selectivity(compiler.rows, compiler.condition(shape.filter))
        counted = sa.select(count_all()).select_from(known.passing).scalar_subquery()
        text, given = as_text(sa.select(known.few, counted, known.count))
        values = {name: value for name, value in values.items() if name == "filter"}
        with self._database.connection() as connection:
            row = connection.execute(text.encode(), {**given, **values}, prepare=False).fetchone()
        assert row is not None
        few, exactly, about = row
        return int(exactly) if few else round(about or 0)

    def _strategies(
        self, rows: Sequence[ResultRow], shape: SearchShape, index: str | None
    ) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(row[-1] for row in rows))
        if not found and shape.filter is not False and not shape.exact:
            found = ("index, then exact" if index else "exact over the few that pass",)
        elif not found:
            found = ("index" if index else "exact",)
        if index is None and not self._searcher.compiler.vectors.is_rescored:
            # Postgres reads few rows one by one though it might have read the index
            found = tuple("exact" if way == "index" else way for way in found)
        return found


def facts(plan: SearchPlan) -> list[str]:
    """Return a plan as comments for people."""
    lines = [
        "way: " + "; ".join(plan.strategies),
        f"index: {plan.index or 'none'}",
        f"rows read: {plan.scanned:,}",
    ]
    if plan.passing is not None:
        lines.append(f"documents that pass the filter: about {plan.passing:,}")
    filled = "" if plan.filled else f", fewer than the limit of {plan.limit:,}"
    lines += [f"rows found: {plan.returned:,}{filled}", f"time: {plan.milliseconds:,.3f} ms"]
    return ["-- " + line for line in lines]


def index_read(nodes: Iterable[Node], record: CollectionRecord) -> str | None:
    """Return the collection's vector index if a plan reads it; of IVF-PQ, its table of codes.

    Where it consists of several, those that are read are named.
    """
    index, tables = record.generation.index, record.tables
    if index is None:
        return None
    if isinstance(index, IVFPQ):
        read = any(node.get("Relation Name") == tables.codes_name for node in nodes)
        return tables.codes_name if read else None
    names = {str(node["Index Name"]) for node in nodes if "Index Name" in node}
    return ", ".join(sorted(n for n in names if tables.is_vector_index(n, index.method))) or None


def _scanned(nodes: Iterable[Node], tables: Tables) -> int:
    """Return the number of rows that were read of the chunks, those thrown away included."""
    total = 0.0
    for node in nodes:
        relation = node.get("Relation Name", "")
        if tables.holds_chunks(relation) or relation == tables.codes_name:
            each = node["Actual Rows"]
            each += node.get("Rows Removed by Filter", 0)
            each += node.get("Rows Removed by Index Recheck", 0)
            total += each * node["Actual Loops"]
    return round(total)


def _nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)
