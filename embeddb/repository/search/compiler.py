"""The compiler: every search, from Python, the CLI or SQL, is a statement that is made here.

The shape follows pgvector's advice (https://github.com/pgvector/pgvector#iterative-index-scans):
the nearest rows in a MATERIALIZED CTE that is ordered by the index's own expression, a distance
threshold and the final order outside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from embeddb.db.rendering import Expression, parameter
from embeddb.repository.search.clauses import ONE, ZERO
from embeddb.repository.search.scan_settings import setting_names
from embeddb.repository.search.shape import SearchShape
from embeddb.repository.search.strategies import Strategies
from embeddb.schema.distances import Distance


class Compiler(Strategies):
    """Compiles the statements that search one collection."""

    def select(self, shape: SearchShape) -> sa.Select[Any]:
        """Return the statement: id, chunk_no, content, metadata, distance, score, uri, span, place.

        In a function (no limit) the key of an attached collection stands in the place of the id,
        and there is no place, which is the column `location`.
        """
        nearest = self._nearest(self._seen(shape))
        rows = self.documents.join(nearest, self.rows.same(nearest))
        distance = nearest.c.distance
        statement = sa.select(
            *(self.rows.key(nearest) if shape.limit is None else [nearest.c.id]),
            nearest.c.chunk_no,
            nearest.c.content,
            self.documents.c.metadata,
            distance,
            self._score(distance).label("score"),
            self.documents.c.uri,
            *self._span(nearest, shape),
            *([] if shape.limit is None else [nearest.c.location]),
            *([nearest.c.plan] if shape.plan else []),
        ).select_from(rows)
        if shape.max_distance:
            bound = parameter("max_distance", sa.Double())
            within = distance <= bound
            statement = statement.where(
                sa.or_(bound.is_(None), within) if shape.limit is None else within
            )
        # `+ 0` keeps the planner from trusting the order of a relaxed scan
        return statement.order_by(distance + ZERO, nearest.c.id, nearest.c.chunk_no)

    def _seen(self, shape: SearchShape) -> SearchShape:
        """Return the shape with row-level security as a filter: it hides what a scan finds."""
        if self._is_hiding and shape.filter is False:
            return replace(shape, filter=sa.true())
        return shape

    def suits_every_value(self, shape: SearchShape) -> bool:
        """Return whether one plan of the statement is as good as any, whatever is asked for.

        None is where a part says which partition or partial index to read, where the caller's own
        expression is the filter, or where a JSON filter is asked of every row: only a plan made
        for it compiles it once.
        """
        if shape.part or not isinstance(shape.filter, bool):
            return False
        return not shape.filter or not self._compares_all(shape)

    def names(self) -> Sequence[str]:
        """Return the names of the settings that a statement may set for itself."""
        return setting_names(self._generation.index)

    def _span(self, nearest: sa.CTE, shape: SearchShape) -> list[Expression]:
        if shape.limit is None:  # the SQL function returns the range as it is
            return [nearest.c.span]
        return [
            sa.func.pg_catalog.lower(nearest.c.span, type_=sa.Integer).label("start"),
            sa.func.pg_catalog.upper(nearest.c.span, type_=sa.Integer).label("stop"),
        ]

    def _score(self, distance: Expression) -> Expression:
        match self._generation.distance:
            case Distance.COSINE | Distance.JACCARD:
                return ONE - distance
            case Distance.INNER_PRODUCT:
                return -distance
            case _:
                return ONE / (ONE + distance)
