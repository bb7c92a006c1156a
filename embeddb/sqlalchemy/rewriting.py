"""Fills in what embeddings stand for when a statement is executed.

Only then is it known which generation is searched, where it is, and by which model a text is
encoded; so a statement that was made yesterday, or is cached, finds what is there now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql import visitors
from sqlalchemy.sql.dml import UpdateBase

from embeddb.db.rendering import Expression
from embeddb.errors import ConfigurationError
from embeddb.repository.search.nearest_rows import NearestRows, every_part
from embeddb.schema.catalog import CollectionRecord
from embeddb.sqlalchemy import catalog
from embeddb.sqlalchemy.changes import check_change, check_conflict
from embeddb.sqlalchemy.expression import PREPARED, VECTOR_SCHEMA, EmbeddingDistance, QueryVector
from embeddb.sqlalchemy.statements import (
    check_names,
    distances_of,
    first_ordering,
    froms_of,
    is_correlated,
    is_distinct_on,
    is_plain,
    locking_its_own,
    mapped_subqueries,
    passes_over_locked,
    rows_wanted,
    selects,
    with_froms,
    with_parts,
)


@event.listens_for(sa.Engine, "before_execute", retval=True)
def fill_in(
    connection: sa.Connection,
    statement: Any,  # noqa: ANN401  # anything that can be executed
    multiparams: Sequence[Mapping[str, Any]],
    params: Mapping[str, Any],
    options: Mapping[str, Any],
) -> tuple[Any, Sequence[Mapping[str, Any]], Mapping[str, Any]]:
    """Return a statement with its embeddings filled in, before it is compiled."""
    queries = _queries(statement)
    if queries:
        given = [params, *multiparams] if params else list(multiparams)
        records = _prepare(connection, queries, given, options)
        VECTOR_SCHEMA.set(catalog.vector_schema(connection))
        statement = _Filling(connection, records, given[0] if given else {}).fill(statement)
    return statement, multiparams, params


def _queries(statement: object) -> list[sa.BindParameter[Any]]:
    """Return the queries in a statement, by its cache key, which SQLAlchemy needs anyway."""
    if not isinstance(statement, sa.ClauseElement) or isinstance(statement, sa.DDLElement):
        return []
    key = statement._generate_cache_key()
    binds: Iterable[Any] = every_part(statement) if key is None else key.bindparams
    return [bind for bind in binds if isinstance(getattr(bind, "type", None), QueryVector)]


def _prepare(
    connection: sa.Connection,
    queries: Sequence[sa.BindParameter[Any]],
    given: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
) -> dict[str, CollectionRecord]:
    """Return the collections that are searched, by name, with the queries encoded in PREPARED."""
    schemas = options.get("schema_translate_map") or {}
    records = catalog.read_searched(connection, map(_searched, queries), schemas)
    vectors: dict[tuple[str, Any], str] = {}
    for query in queries:
        name = _collection(query)
        for values in given or [{}]:
            value = values.get(query.key, query.effective_value)
            key = name, value if isinstance(value, str) else tuple(value)
            if key not in vectors:
                vectors[key] = catalog.as_vector(records[name], value)
    PREPARED.set(vectors)
    return records


def _searched(query: sa.BindParameter[Any]) -> QueryVector:
    assert isinstance(query.type, QueryVector)
    return query.type


def _collection(query: sa.BindParameter[Any]) -> str:
    return _searched(query).collection


class _Filling:
    """One statement in the course of being filled in."""

    def __init__(
        self,
        connection: sa.Connection,
        records: Mapping[str, CollectionRecord],
        values: Mapping[str, Any],
    ) -> None:
        self._connection = connection
        self._records = records
        self._values = values
        self._made: list[tuple[EmbeddingDistance, Expression]] = []

    def fill(self, statement: Any, around: frozenset[sa.FromClause] = frozenset()) -> Any:  # noqa: ANN401  # of the statement's own kind
        """Return a statement with its embeddings filled in, those of its subqueries first.

        Args:
            statement: the whole one, or a part of it that is a statement itself.
            around: the tables of the statements that it stands in.
        """
        check_conflict(statement)
        if any(map(distances_of, mapped_subqueries(statement))):
            raise ConfigurationError(
                "An embedding's nearest() or distance() stands in a subquery that a class is "
                "mapped to, where it cannot be filled in: select ids in the subquery, or join "
                "….embedding.search(…)."
            )
        inner = {
            id(part)
            for part in every_part(statement)
            if part is not statement
            and isinstance(part, sa.Select | UpdateBase)
            and distances_of(part)
        }
        if inner or not isinstance(statement, sa.Select):
            outer = around | froms_of(statement)
            replace: Any = lambda part, **_: (  # noqa: E731
                self.fill(part, outer) if id(part) in inner else None
            )
            statement = visitors.replacement_traverse(statement, {}, replace)
        if isinstance(statement, sa.Select):
            return self._select(statement, around)
        return self._change(statement) if isinstance(statement, UpdateBase) else statement

    def _change(self, statement: UpdateBase) -> UpdateBase:
        """Return an INSERT, UPDATE or DELETE with the distances that are its own filled in."""
        distances = distances_of(statement)
        if not distances:
            return statement
        check_change(statement, distances)
        replace: Any = lambda part, **_: (  # noqa: E731
            self._distance(part) if isinstance(part, EmbeddingDistance) else None
        )
        filled: Any = visitors.replacement_traverse(statement, {}, replace)
        return filled  # type: ignore[no-any-return]

    def _select(
        self, statement: sa.Select[Any], around: frozenset[sa.FromClause] = frozenset()
    ) -> sa.Select[Any]:
        distances = distances_of(statement)
        if not distances:
            return statement
        self._check_distinct(statement)
        first = self._searched_by(statement, around)
        rows = None if first is None else rows_wanted(statement, self._values)
        found = joined = None
        if first is not None and rows is not None:
            found, joined = self._nearest(statement, first, rows)

        def replace(part: Any, **_: Any) -> Any:  # noqa: ANN401
            if not isinstance(part, EmbeddingDistance):
                return None
            if found is not None and first is not None and self._same(part, first):
                return found.c.distance
            return self._distance(part)

        filled = with_froms(with_parts(statement, replace), distances, around)
        if joined is not None:
            filled = locking_its_own(filled).where(joined)
        return filled

    def _searched_by(
        self, statement: sa.Select[Any], around: frozenset[sa.FromClause]
    ) -> EmbeddingDistance | None:
        """Return the distance by which a search finds the rows of a select; None: by none."""
        first = first_ordering(statement)
        if first is None or passes_over_locked(statement) or is_correlated(statement, around):
            return None
        if statement._distinct and not selects(statement, first.keys):
            return None  # several of the nearest rows may be one row of the answer
        return first

    def _check_distinct(self, statement: sa.Select[Any]) -> None:
        """Check that a DISTINCT selects the distance that it is ordered by, as Postgres demands."""
        if not statement._distinct or is_distinct_on(statement):
            return
        selected = [found for part in statement._raw_columns for found in distances_of(part)]
        for ordering in statement._order_by_clauses:
            for distance in distances_of(ordering):
                if not any(self._same(distance, one) for one in selected):
                    raise ConfigurationError(
                        "SELECT DISTINCT can be ordered only by what it selects. Select the "
                        "distance, too: select(…, ….nearest(…).label('distance')).distinct(); or "
                        "leave .distinct() out, since nearest() returns each row once; or, for "
                        "values that several rows share, write group_by(…) and order by "
                        "func.min(….distance(…))."
                    )

    def _distance(self, distance: EmbeddingDistance) -> Expression:
        """Return the distance of a row.

        It is the same expression wherever it stands: only so does Postgres take what is selected
        for what is grouped or ordered by.
        """
        for known, made in self._made:
            if self._same(known, distance):
                return made
        made = self._rows(distance).distance_of(distance.keys)
        self._made.append((distance, made))
        return made

    def _nearest(
        self, statement: sa.Select[Any], ordering: EmbeddingDistance, limit: int
    ) -> tuple[sa.Subquery, Expression]:
        """Return the nearest rows that the statement can have, and how they are joined to it."""
        rows = self._rows(ordering)
        condition = self._condition(statement, ordering, rows)
        found = rows.nearest(limit, condition)
        return found, rows.is_row(found.c.id, ordering.keys)

    def _condition(
        self, statement: sa.Select[Any], ordering: EmbeddingDistance, rows: NearestRows
    ) -> Expression | None:
        """Return whether the statement has a document's row, as a condition; None: it has all."""
        own = [
            part
            for part in statement._where_criteria
            if not any(self._same(distance, ordering) for distance in distances_of(part))
        ]
        if not own and is_plain(statement):
            return None
        check_names(statement)
        asked: sa.Select[Any] = statement.with_only_columns(
            sa.literal_column("1"), maintain_column_froms=True
        ).order_by(None)
        asked = asked.limit(None).offset(None)
        asked._where_criteria = tuple(own)
        asked._with_options = tuple(
            option for option in asked._with_options if isinstance(option, LoaderCriteriaOption)
        )
        asked._for_update_arg = None
        asked = asked.where(rows.is_row(rows.documents.c.id, ordering.keys))
        if any(distances_of(part) for part in own):
            asked = self._select(asked)
        return asked.exists()

    def _rows(self, distance: EmbeddingDistance) -> NearestRows:
        return NearestRows(
            self._records[distance.collection],
            distance.query,
            schema=catalog.own_schema(),
            vector_schema=catalog.vector_schema(self._connection),
        )

    def _same(self, one: EmbeddingDistance, other: EmbeddingDistance) -> bool:
        return (
            one.collection == other.collection
            and self._value(one) == self._value(other)
            # columns compare as equal that two aliases of a table have
            and one._from_objects == other._from_objects
            and all(map(sa.ColumnElement.compare, one.keys, other.keys))
        )

    def _value(self, distance: EmbeddingDistance) -> Any:  # noqa: ANN401
        query = distance.query
        return self._values.get(query.key, query.effective_value)
