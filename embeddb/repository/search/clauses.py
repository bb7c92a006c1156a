"""Small clauses that the statements of a search are made of."""

from __future__ import annotations

import math
from typing import Any

import sqlalchemy as sa

from embeddb.db.rendering import Expression, number

# of a distance's own type: pg_catalog has no double precision + integer, so whoever may create
# operators in a schema of the search_path could give it one
ZERO: sa.ColumnElement[float] = sa.literal_column("0::double precision", sa.Double)
ONE: sa.ColumnElement[float] = sa.literal_column("1::double precision", sa.Double)


def cte(statement: sa.Select[Any], name: str | None) -> sa.CTE:
    """Return a statement as a CTE that Postgres evaluates by itself, and at most once."""
    return statement.cte(name).prefix_with("MATERIALIZED")


def times(rows: Expression | int, factor: float) -> Expression | int:
    """Return a number of rows multiplied, in Python or in the statement."""
    if factor == 1:
        return rows
    if isinstance(rows, int):
        return math.ceil(rows * factor)
    return whole(sa.cast(rows, sa.Double) * number(float(factor)))


def whole(rows: Expression) -> Expression:
    """Return a number of rows rounded up."""
    return sa.cast(sa.func.pg_catalog.ceil(rows), sa.BigInteger)


def written(rows: Expression | int) -> Expression:
    """Return a number of rows as an expression."""
    return number(rows) if isinstance(rows, int) else rows
