"""The distance of a row to a query, as an expression that waits for its execution.

Which table the chunks are in, and in which form, is known to the catalog alone: so these
expressions are filled in when a statement is executed (`rewriting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql.base import PGTypeCompiler
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from embeddb.config import Settings

PREPARED: ContextVar[Mapping[tuple[str, Any], str]] = ContextVar("PREPARED")
"""The vectors of the statement that is being executed, by collection and query."""


VECTOR_SCHEMA: ContextVar[str | None] = ContextVar("VECTOR_SCHEMA", default=None)
"""The schema that pgvector is in, where the statement is executed that is being compiled."""


class EmbeddedTable(NamedTuple):
    """The table that an Embedding is declared on.

    Attributes:
        names_collection: whether the collection has its name from the table.
        others: the names of the other embeddings that are declared on it.
    """

    schema: str | None
    name: str
    names_collection: bool
    others: frozenset[str] = frozenset()

    def text(self, schemas: Mapping[str | None, str | None]) -> str:
        """Return the table as SQL names it, its schema translated as the execution says."""
        schema = schemas.get(self.schema, self.schema)
        return sql.Identifier(*map(_folded, filter(None, (schema, self.name)))).as_string()


def _folded(name: str) -> str:
    """Return a name as Postgres reads it: one that is not to be quoted is folded."""
    return name.lower() if getattr(name, "quote", None) is False else str(name)


class QueryVector(sa.types.TypeDecorator[Any]):
    """A query: a text or a vector, sent as a vector.

    Args:
        collection: the collection that is searched.
        table: the table that the Embedding is declared on.
        by_function: whether the statement has the name of the collection's function in it.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, collection: str, table: EmbeddedTable, *, by_function: bool = False) -> None:
        super().__init__()
        self.collection = collection
        self.table = table
        self.by_function = by_function

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str:  # noqa: ANN401
        """Return the vector that the execution has made of a text, or has checked."""
        key = self.collection, value if isinstance(value, str) else tuple(value)
        return PREPARED.get()[key]


class SearchedVector(sa.types.UserDefinedType[Any]):
    """pgvector's `vector`, for a cast."""

    cache_ok = True


@compiles(SearchedVector)
def _name(_: SearchedVector, compiler: PGTypeCompiler, **options: Any) -> str:  # noqa: ANN401
    """Return the type's name: with its schema, which need not be on the search_path."""
    schema = VECTOR_SCHEMA.get()
    if schema is None:  # printed, and not executed
        return "vector"
    return compiler.dialect.identifier_preparer.quote_schema(schema) + ".vector"


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
