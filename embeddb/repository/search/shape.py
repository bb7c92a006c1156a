"""What a search asks for, apart from the query itself and the values of its parameters."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from embeddb.db.rendering import Expression, parameter


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchShape:
    """What a search asks for, apart from the query itself.

    Attributes:
        limit: how many rows; None makes it a parameter of the statement.
        filter: True: a JSON filter comes as a parameter; an expression is taken as it is.
        max_distance: whether a threshold comes as a parameter.
        exact: read every row instead of an index.
        without: whether an id to leave out comes as a parameter.
        plan: whether each row has the name of the strategy that found it.
        part: whether to search one part of the layout alone; it comes as a parameter.
    """

    limit: int | None = 10
    filter: bool | Expression = False
    max_distance: bool = False
    exact: bool = False
    without: bool = False
    plan: bool = False
    part: bool = False


def rows_wanted(shape: SearchShape) -> Expression | int:
    """Return how many rows a search asks for: a number, or the parameter that it is."""
    return parameter("limit", sa.Integer()) if shape.limit is None else int(shape.limit)
