"""The nearest rows of a collection, each by its nearest chunk, as a part of another statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.visitors import ExternallyTraversible

from embeddb.db.rendering import Expression, count_all, number
from embeddb.repository.search.compiler import Compiler
from embeddb.repository.search.shape import SearchShape
from embeddb.schema.attached import KeyColumn, SourceTable
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.key_expressions import key_text, key_value
from embeddb.schema.vector_expressions import columns_of

CHUNKS_A_ROW = 3
"""Chunks that are looked for first, for each row: enough where rows have a few chunks."""

MORE_CHUNKS_A_ROW = 40
"""Chunks for each row where those were not enough."""

MOST_CHUNKS = 4_000
"""Where more chunks than these would be looked for, comparing all is faster."""


class NearestRows(Compiler):
    """Compiles statements in which a row of the source counts once, by its nearest chunk.

    Args:
        record: the collection.
        query: the query's vector as an expression, a parameter as a rule.
        schema: embeddb's.
        vector_schema: pgvector's.
    """

    def __init__(
        self, record: CollectionRecord, query: Expression, *, schema: str, vector_schema: str
    ) -> None:
        super().__init__(record, schema=schema, vector_schema=vector_schema)
        self._record = record
        typed = self.vectors.cast(query, "vector")
        if record.generation.transform is not None:
            project = self.vectors.function(record.tables.transform_function)
            # evaluated once in a subquery of its own, and not for each row
            typed = sa.select(project(typed)).scalar_subquery()
        self._asked_for = typed

    def _query(self) -> Expression:
        return self.vectors.query(self._asked_for)

    def nearest(self, limit: int, condition: Expression | None) -> sa.Subquery:
        """Return the nearest rows that pass: columns id (the key as text) and distance.

        Chunks are looked for by the index as long as these are of enough rows; otherwise every
        chunk that passes is compared.

        Args:
            limit: how many rows.
            condition: over `documents`, the collection's documents.
        """
        if self._generation.index is None:
            return sa.select(self._all_rows(limit, condition)).subquery()
        looks = [CHUNKS_A_ROW * limit]
        if condition is None and MORE_CHUNKS_A_ROW * limit <= MOST_CHUNKS:
            looks.append(MORE_CHUNKS_A_ROW * limit)
        strategies: list[sa.Select[Any]] = []
        lacking: list[Expression] = []
        for chunks in looks:
            look = _materialized(self._look(chunks, condition).where(*lacking))
            rows = sa.select(look.c.id, sa.func.pg_catalog.min(look.c.distance).label("distance"))
            best = _materialized(rows.group_by(look.c.id))
            enough = sa.select(count_all() >= number(limit)).select_from(best).scalar_subquery()
            strategies.append(sa.select(best).where(enough))
            lacking.append(sa.not_(enough))
        strategies.append(sa.select(self._all_rows(limit, condition, *lacking)))
        found = sa.union_all(*strategies).subquery()
        return sa.select(found).order_by(found.c.distance).limit(number(limit)).subquery()

    def distance_of(self, keys: tuple[Expression, ...]) -> sa.ScalarSelect[Any]:
        """Return the distance of one row of the source: that of its nearest chunk.

        The row is one of a statement around it, however far outside.
        """
        chunks = self.chunk_table.alias()
        distance = self.vectors.distance(self.vectors.stored(columns_of(chunks)), self._query())
        return (
            sa.select(sa.func.pg_catalog.min(distance, type_=sa.Double()))
            .select_from(chunks)
            .where(chunks.c.id == key_text(self._keys(), keys))
            .correlate(*(table for key in keys for table in key._from_objects))
            .scalar_subquery()
        )

    def is_row(self, id: Expression, keys: tuple[Expression, ...]) -> Expression:
        """Return the condition that the columns of a key are those of an id."""
        declared = self._keys()
        values = (key_value(declared, place, id) for place in range(len(declared)))
        return sa.and_(*(key == value for key, value in zip(keys, values, strict=True)))

    def _look(self, chunks: int, condition: Expression | None) -> sa.Select[Any]:
        """Return a search for the nearest chunks, with the CTEs that it needs inside of it."""
        shape = SearchShape(limit=chunks, filter=False if condition is None else condition)
        found = self.select(shape)
        ctes = [element for element in every_part(found) if isinstance(element, sa.CTE)]
        chosen = found.add_cte(*ctes, nest_here=True).subquery()
        return sa.select(chosen.c.id, chosen.c.distance)

    def _all_rows(self, limit: int, condition: Expression | None, *gates: Expression) -> sa.CTE:
        found = _materialized(self._all(limit, condition).where(*gates))
        if condition is not None or not self._is_attached:
            return found
        return self._of_rows(found, self._all(limit, sa.true()).where(*gates))

    def _all(self, limit: int, condition: Expression | None) -> sa.Select[Any]:
        """Return a comparison of every chunk of every row that passes."""
        rows: sa.FromClause = self.chunks
        if condition is not None:
            rows = rows.join(self.documents, self.rows.same(self.chunks))
        query = sa.select(self._query().label("vector")).subquery()
        stored = self.vectors.stored(columns_of(self.chunks))
        distance = sa.func.pg_catalog.min(
            self.vectors.distance(stored, sa.select(query.c.vector).scalar_subquery()),
            type_=sa.Double(),
        ).label("distance")
        statement = sa.select(self.chunks.c.id, distance).select_from(rows)
        if condition is not None:
            statement = statement.where(condition)
        return statement.group_by(self.chunks.c.id).order_by(distance).limit(number(limit))

    def _keys(self) -> tuple[KeyColumn, ...]:
        source: SourceTable | None = self._record.source
        return source.keys if source else (KeyColumn(name="id", type="text"),)


def every_part(statement: ExternallyTraversible) -> Iterator[ExternallyTraversible]:
    """Yield each element of a statement once, however often it stands there.

    SQLAlchemy's own `iterate` yields it as often: with CTEs that name each other, for ever.
    """
    seen, waiting = {id(statement)}, [statement]
    while waiting:
        part = waiting.pop()
        yield part
        for child in part.get_children():
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)


def _materialized(statement: sa.Select[Any]) -> sa.CTE:
    return statement.cte().prefix_with("MATERIALIZED")
