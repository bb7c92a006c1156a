"""What an embedding is on its class: an ordering, a distance, a search to be joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import INT4RANGE, JSONB
from sqlalchemy.sql.selectable import NamedFromClause, TableValuedAlias

from embeddb.config import Settings
from embeddb.repository.search.filters import filter_text
from embeddb.schema.attached import SEARCHED
from embeddb.sqlalchemy.expression import (
    EmbeddedTable,
    EmbeddingDistance,
    QueryVector,
    SearchedVector,
)

QueryLike: TypeAlias = "str | Sequence[float] | sa.BindParameter[Any]"
"""A text, which the collection's model encodes when the statement is executed; a vector; or a
parameter that will be either."""


class EmbeddingAttribute:
    """An embedding on a mapped class, on an alias of one, or on a table."""

    def __init__(self, collection: str, table: EmbeddedTable, entity: Any) -> None:  # noqa: ANN401
        self._collection = collection
        self._declared_on = table
        self._entity = entity

    def __repr__(self) -> str:
        return f"<EmbeddingAttribute {self._collection!r} of {self._entity!r}>"

    def __get__(self, instance: object, owner: Any) -> EmbeddingAttribute:  # noqa: ANN401
        """Return the attribute of an alias: `aliased(Article).embedding`."""
        return EmbeddingAttribute(self._collection, self._declared_on, owner)

    def of(self, alias: NamedFromClause) -> EmbeddingAttribute:
        """Return the attribute of an alias of a table."""
        return EmbeddingAttribute(self._collection, self._declared_on, alias)

    def nearest(self, query: QueryLike) -> EmbeddingDistance:
        """Return an ordering, the nearest first: `select(Article).order_by(….nearest("text"))`.

        As the first ordering of a select with a LIMIT it is answered by the vector index, over
        the rows that pass the select's own conditions and joins: if as many as the LIMIT pass, as
        many are returned. Rows that are not embedded yet are left out. Anywhere else it is a
        distance.

        Settings that it needs (hnsw.ef_search, …) end with the transaction.

        Args:
            query: what to be near to.
        """
        return self._distance(query)

    def distance(self, query: QueryLike) -> EmbeddingDistance:
        """Return the distance of a row's nearest chunk; NULL where nothing is embedded yet.

        Args:
            query: what the distance is to.
        """
        return self._distance(query)

    def search(
        self,
        query: QueryLike,
        limit: int = 10,
        *,
        filter: Mapping[str, Any] | None = None,
        max_distance: float | None = None,
    ) -> TableValuedAlias:
        """Return a search of chunks as a FROM: `join(found, found.c.id == Article.id)`.

        Its columns are the primary key's, chunk_no, content, metadata, distance, score, uri, span.

        Args:
            query: what to be near to.
            limit: how many chunks.
            filter: what the declared metadata must be; see docs/search.md.
            max_distance: chunks that are farther from the query are left out.
        """
        function = getattr(getattr(sa.func, _schema()), f"{self._collection}_search")
        given = sa.null() if filter is None else sa.literal(filter_text(filter), sa.Text)
        called = function(
            sa.cast(self._bound(query, by_function=True), SearchedVector()),
            sa.cast(limit, sa.Integer),
            sa.cast(given, JSONB),
            sa.cast(max_distance, sa.Double),
        )
        keys = [sa.column(_search_name(key.name), key.type) for key in self._key_columns()]
        found: TableValuedAlias = called.table_valued(
            *keys,
            sa.column("chunk_no", sa.Integer),
            sa.column("content", sa.Text),
            sa.column("metadata", JSONB),
            sa.column("distance", sa.Double),
            sa.column("score", sa.Double),
            sa.column("uri", sa.Text),
            sa.column("span", INT4RANGE),
            name=f"{self._collection}_found",
        )
        return found

    def _distance(self, query: QueryLike) -> EmbeddingDistance:
        return EmbeddingDistance(self._collection, self._keys(), self._bound(query))

    def _bound(self, query: QueryLike, *, by_function: bool = False) -> sa.BindParameter[Any]:
        kind = QueryVector(self._collection, self._declared_on, by_function=by_function)
        if isinstance(query, sa.BindParameter):
            return query._with_binary_element_type(kind)
        value = query if isinstance(query, str) else tuple(map(float, query))
        return sa.bindparam(None, value, type_=kind, unique=True)

    def _key_columns(self) -> list[sa.Column[Any]]:
        return list(_table(self._entity).primary_key)

    def _keys(self) -> tuple[sa.ColumnElement[Any], ...]:
        columns = self._key_columns()
        inspected = sa.inspect(self._entity)
        if isinstance(inspected, sa.FromClause):
            return tuple(inspected.c[column.key] for column in columns)
        properties = (inspected.mapper.get_property_by_column(column) for column in columns)
        return tuple(getattr(self._entity, found.key) for found in properties)


def _table(entity: Any) -> sa.Table:  # noqa: ANN401  # a class, an alias of one, a table
    inspected = sa.inspect(entity)
    found: Any = inspected if isinstance(inspected, sa.FromClause) else inspected.mapper.local_table
    while not isinstance(found, sa.Table):
        found = found.element
    return found


def _schema() -> str:
    return Settings.from_environment().schema


def _search_name(name: str) -> str:
    return "key_" + name if name in SEARCHED else name
