"""The distance of a row to a query, as an expression that waits for its execution.

Which table the chunks are in, and in which form, is known to the catalog alone: so these
expressions are filled in when a statement is executed (`rewriting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from embeddb.config import Settings

PREPARED: ContextVar[Mapping[tuple[str, Any], str]] = ContextVar("PREPARED")
"""The vectors of the statement that is being executed, by collection and query."""


class QueryVector(sa.types.TypeDecorator[Any]):
    """A query: a text or a vector, sent as a vector."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, collection: str) -> None:
        super().__init__()
        self.collection = collection

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str:  # noqa: ANN401
        """Return the vector that the execution has made of a text, or has checked."""
        key = self.collection, value if isinstance(value, str) else tuple(value)
        return PREPARED.get()[key]


class EmbeddingDistance(sa.ColumnElement[float]):
    """How far the nearest chunk of a row is from a query; smaller is nearer."""

    __visit_name__ = "embedding_distance"
    _traverse_internals = [  # noqa: RUF012  # as SQLAlchemy has it
        ("collection", InternalTraversal.dp_string),
        ("keys", InternalTraversal.dp_clauseelement_tuple),
        ("query", InternalTraversal.dp_clauseelement),
    ]
    inherit_cache = True

    def __init__(
        self,
        collection: str,
        keys: tuple[sa.ColumnElement[Any], ...],
        query: sa.BindParameter[Any],
    ) -> None:
        self.collection = collection
        self.keys = keys
        self.query = query
        self.type = sa.Double()

    @property
    def _from_objects(self) -> list[sa.FromClause]:
        return [found for key in self.keys for found in key._from_objects]


@compiles(EmbeddingDistance)
def _show(element: EmbeddingDistance, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    """Return what the distance stands for, in a statement that is printed and not executed."""
    schema = Settings.from_environment().schema
    own = getattr(sa.func, schema)
    shown = getattr(own, f"{element.collection}_distance")(*element.keys, element.query)
    return str(compiler.process(shown, **options))
