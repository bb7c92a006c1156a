"""What an INSERT, UPDATE or DELETE may ask of a distance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.dml import DMLWhereBase, UpdateBase

from embeddb.errors import ConfigurationError
from embeddb.repository.search.nearest_rows import every_part
from embeddb.sqlalchemy.expression import EmbeddingDistance
from embeddb.sqlalchemy.statements import distances_of

_INSERTED = (
    "insert(…).from_select([…], select(…, ….distance(…))), and in an ON CONFLICT take what it "
    "brings: set_={'…': statement.excluded.…}."
)


def check_change(statement: UpdateBase, distances: Iterable[EmbeddingDistance]) -> None:
    """Check that each distance of a statement is of a row that it has.

    Raises:
        ConfigurationError: one is of another table, or stands where no row is.
    """
    if not isinstance(statement, DMLWhereBase):
        raise ConfigurationError(
            "An INSERT has no row yet that distance() could be of. Insert a select: " + _INSERTED
        )
    there = set(statement.table._from_objects)
    for part in statement._where_criteria:
        there.update(_tables_beside_distances(part))
    for distance in distances:
        for table in distance._from_objects:
            if table not in there:
                raise ConfigurationError(
                    f"The statement changes {_name(statement.table)}, and distance() is of "
                    f"{_name(table)}, which nothing joins to it: add the condition that does, "
                    ".where(….… == ….id)."
                )


def check_conflict(statement: object) -> None:
    """Check that no distance stands in an ON CONFLICT, where SQLAlchemy leaves schemas out.

    Raises:
        ConfigurationError: one does.
    """
    conflict: Any = getattr(statement, "_post_values_clause", None)
    if conflict is not None and any(
        isinstance(part, sa.ClauseElement) and distances_of(part)
        for part in _parts_of_conflict(conflict)
    ):
        raise ConfigurationError(
            "distance() cannot stand in an ON CONFLICT. Insert a select: " + _INSERTED
        )


def _parts_of_conflict(conflict: Any) -> Iterable[object]:  # noqa: ANN401  # of a dialect
    values = getattr(conflict, "update_values_to_set", None) or {}
    yield from dict(values).values()
    yield getattr(conflict, "update_whereclause", None)


def _tables_beside_distances(condition: sa.ColumnElement[bool]) -> Iterable[sa.FromClause]:
    """Yield the tables of a condition's columns, those that only distances name left out."""
    inside = {id(part) for distance in distances_of(condition) for part in every_part(distance)}
    for part in every_part(condition):
        if isinstance(part, sa.ColumnClause) and id(part) not in inside:
            yield from part._from_objects


def _name(table: object) -> str:
    return getattr(table, "name", None) or str(table)
