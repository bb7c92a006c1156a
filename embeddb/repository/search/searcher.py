"""Runs the compiler's statements and reads their rows as hits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, Unpack

import psycopg

from embeddb.db.database import Connection, Database
from embeddb.db.deadlines import Deadline
from embeddb.db.parallel import run_parallel
from embeddb.db.rendering import Expression, as_text
from embeddb.db.vectors import BinaryVector
from embeddb.errors import ConfigurationError
from embeddb.records import Hit, Vector
from embeddb.repository.indexes.ivfpq import Codes
from embeddb.repository.search.compiler import Compiler
from embeddb.repository.search.filters import checked_filter, filter_json
from embeddb.repository.search.options import Filter, SearchOptions
from embeddb.repository.search.shape import SearchShape
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.layouts import Layout

SearchRequest: TypeAlias = tuple[SearchShape, dict[str, Any]]
"""The shape of a statement, and the values that it is executed with."""

ResultRow: TypeAlias = tuple[Any, ...]

PIPELINED = 16
"""Queries that are sent before the first answer is read: more gain nothing, and hold more hits."""

CONNECTIONS = 3
"""Connections that many queries are shared among: two keep two processors of the server busy,
and the third does while this process reads an answer."""


class Searcher:
    """Searches one collection by vector."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        self._database = database
        self._texts: dict[SearchShape, tuple[bytes, dict[str, Any]]] = {}
        self._codes = Codes(database, record)
        self.compiler = Compiler(
            record, schema=database.schema, vector_schema=database.vector_schema()
        )

    def search(
        self,
        query: Vector,
        shape: SearchShape,
        values: dict[str, Any],
        deadline: Deadline | None = None,
    ) -> list[Hit]:
        """Return the hits of one search; `query` has shape (dim,) and is ready to be compared.

        Raises:
            QueryTimeoutError: they were not there by the deadline.
        """
        with (deadline or Deadline(None)).connection(self._database) as connection:
            return self.search_on(connection, query, shape, values)

    def search_on(
        self, connection: Connection, query: Vector, shape: SearchShape, values: dict[str, Any]
    ) -> list[Hit]:
        """Return the hits of one search on a connection that the caller holds."""
        return list(map(hit, self.rows(connection, query, shape, values)))

    def search_many(
        self, queries: Sequence[Vector], shape: SearchShape, values: dict[str, Any]
    ) -> list[list[Hit]]:
        """Return the hits of a search for each query, in their order; several run at a time."""
        statement, given = self._text(shape)
        parameters = {**given, **values}
        starts = range(0, len(queries), PIPELINED)

        def some(connection: Connection, number: int) -> list[list[Hit]]:
            start = starts[number]
            cursors = [
                self._execute(connection, statement, query, parameters, shape)
                for query in queries[start : start + PIPELINED]
            ]
            return [list(map(hit, cursor.fetchall())) for cursor in cursors]

        def piped(connection: Connection, number: int) -> list[list[Hit]]:
            if not psycopg.Pipeline.is_supported():  # a libpq before 14
                return some(connection, number)
            with connection.pipeline():
                return some(connection, number)

        found = run_parallel(self._database, len(starts), piped, connections=CONNECTIONS)
        return [hits for several in found for hits in several]

    def rows(
        self, connection: Connection, query: Vector, shape: SearchShape, values: dict[str, Any]
    ) -> list[ResultRow]:
        """Return the rows of one search as they come; `hit` reads one."""
        statement, given = self._text(shape)
        return self._execute(connection, statement, query, {**given, **values}, shape).fetchall()

    def explain(
        self, query: Vector, shape: SearchShape, values: dict[str, Any], options: Sequence[str] = ()
    ) -> list[Any]:
        """Return Postgres's plan, line by line, or, with FORMAT JSON, as one value."""
        statement, given = self._text(shape)
        head = "EXPLAIN (" + ", ".join(options or ["COSTS"]) + ") "
        with self._database.connection() as connection:
            parameters = self._parameters(connection, query, {**given, **values})
            rows = connection.execute(
                head.encode() + statement, parameters, prepare=False
            ).fetchall()
        return [row[0] for row in rows]

    def sql(self, query: Vector, shape: SearchShape, values: dict[str, Any]) -> str:
        """Return the statement with its values in place, to be pasted into psql."""
        statement, given = self._text(shape)
        literal = "[" + ",".join(map(repr, query.tolist())) + "]"
        with self._database.connection() as connection:
            cursor = psycopg.ClientCursor(connection)
            return cursor.mogrify(statement, {"query": literal, **given, **values})

    def _execute(
        self,
        connection: Connection,
        statement: bytes,
        query: Vector,
        parameters: dict[str, Any],
        shape: SearchShape,
    ) -> psycopg.Cursor[ResultRow]:
        prepare = None if self.compiler.suits_every_value(shape) else False
        sent = self._parameters(connection, query, parameters)
        return connection.execute(statement, sent, prepare=prepare)

    def _parameters(
        self, connection: Connection, query: Vector, given: dict[str, Any]
    ) -> dict[str, Any]:
        own: dict[str, Any] = {"query": BinaryVector(query)}
        if "words" in given:
            own |= self._codes.parameters(connection, query)
        return {**given, **own}

    def _text(self, shape: SearchShape) -> tuple[bytes, dict[str, Any]]:
        if not isinstance(shape.filter, bool):  # an expression of the caller's is not kept
            text, given = as_text(self.compiler.select(shape))
            return text.encode(), given
        if shape not in self._texts:
            text, given = as_text(self.compiler.select(shape))
            self._texts[shape] = (text.encode(), given)
        return self._texts[shape]


def make_request(
    limit: int,
    *,
    without: str | None = None,
    layout: Layout | None = None,
    **options: Unpack[SearchOptions],
) -> SearchRequest:
    """Return what a caller asks for: the shape of the statement, and the values it is given.

    Args:
        limit: how many rows.
        without: the id of a document that is left out.
        layout: how the chunks lie; what the filter asks of that field becomes their part.
        options: what the caller says of the search.

    Raises:
        ConfigurationError: the limit is no number of rows.
        FilterError: the filter is none, or no JSON.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ConfigurationError(f"limit must be a whole number of at least 1, not {limit!r}.")
    filter, max_distance = checked_filter(options.get("filter")), options.get("max_distance")
    part: str | None = None
    if layout is not None and isinstance(filter, dict):
        part, filter = layout.split(filter)
    condition, values = split_filter(filter)
    if part is not None:
        values["part"] = part
    if max_distance is not None:
        values["max_distance"] = float(max_distance)
    if without is not None:
        values["without"] = without
    shape = SearchShape(
        limit=limit,
        filter=condition,
        max_distance=max_distance is not None,
        exact=options.get("exact", False),
        without=without is not None,
        part=part is not None,
    )
    return shape, values


def split_filter(filter: Filter) -> tuple[bool | Expression, dict[str, Any]]:
    """Return what a filter puts into the statement, and the values that it passes to it.

    Raises:
        FilterError: it is no filter, or no JSON.
    """
    filter = checked_filter(filter)
    if filter is None or isinstance(filter, dict):
        return (True, {"filter": filter_json(filter)}) if filter else (False, {})
    return filter, {}


def hit(row: ResultRow) -> Hit:
    """Return the hit of a row of the statement."""
    return Hit(
        id=row[0],
        chunk_no=row[1],
        content=row[2],
        metadata=row[3],
        distance=row[4],
        score=row[5],
        uri=row[6],
        span=None if row[2] is None else (row[7] or 0, row[8] or 0),
        location=row[9] or {},
    )
