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
from sqlalchemy.sql.elements import Label, UnaryExpression, _label_reference
from sqlalchemy.sql.operators import asc_op, nulls_last_op
from sqlalchemy.sql.selectable import NamedFromClause

from embeddb.db.rendering import Expression
from embeddb.errors import ConfigurationError
from embeddb.repository.search.nearest_rows import NearestRows, every_part
from embeddb.schema.catalog import CollectionRecord
from embeddb.sqlalchemy import catalog
from embeddb.sqlalchemy.expression import PREPARED, EmbeddingDistance, QueryVector


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


_TAKEN = frozenset({"c", "d", "p", "s"})
"""Aliases within the statement of a search."""


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

    def fill(self, statement: Any) -> Any:  # noqa: ANN401  # of the statement's own kind
        """Return a statement with its embeddings filled in, those of its subqueries first."""
        if any(map(_distances, _mapped_subqueries(statement))):
            raise ConfigurationError(
                "An embedding's nearest() or distance() stands in a subquery that a class is "
                "mapped to, where it cannot be filled in: select ids in the subquery, or join "
                "….embedding.search(…)."
            )
        inner = {
            id(part)
            for part in every_part(statement)
            if part is not statement and isinstance(part, sa.Select) and _distances(part)
        }
        if inner or not isinstance(statement, sa.Select):
            replace: Any = lambda part, **_: self._replacement(part, inner)  # noqa: E731
            statement = visitors.replacement_traverse(statement, {}, replace)
        return self._select(statement) if isinstance(statement, sa.Select) else statement

    def _replacement(self, part: Any, inner: set[int]) -> Any:  # noqa: ANN401
        if id(part) in inner:
            return self.fill(part)
        return None

    def _select(self, statement: sa.Select[Any]) -> sa.Select[Any]:
        distances = _distances(statement)
        if not distances:
            return statement
        first = _first_ordering(statement)
        rows = None if first is None else _rows_wanted(statement, self._values)
        found = joined = None
        if first is not None and rows is not None:
            found, joined = self._nearest(statement, first, rows)

        def replace(part: Any, **_: Any) -> Any:  # noqa: ANN401
            if not isinstance(part, EmbeddingDistance):
                return None
            if found is not None and first is not None and self._same(part, first):
                return found.c.distance
            return self._rows(part).distance_of(part.keys)

        filled = _with_parts(statement, replace)
        if joined is not None:
            filled = filled.where(joined)
        return _with_froms(filled, distances)

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
            if not any(self._same(distance, ordering) for distance in _distances(part))
        ]
        if not own and _is_plain(statement):
            return None
        _check_names(statement)
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
        if any(_distances(part) for part in own):
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
            and all(map(sa.ColumnElement.compare, one.keys, other.keys))
        )

    def _value(self, distance: EmbeddingDistance) -> Any:  # noqa: ANN401
        query = distance.query
        return self._values.get(query.key, query.effective_value)


def _mapped_subqueries(statement: sa.ClauseElement) -> Iterable[sa.ClauseElement]:
    """Yield the subqueries that a select's aliases of classes stand for: `aliased(Article, …)`."""
    if isinstance(statement, sa.Select):
        for part in statement.column_descriptions:
            inspected = sa.inspect(part.get("entity"), raiseerr=False)
            if getattr(inspected, "is_aliased_class", False):
                yield inspected.selectable


def _check_names(statement: sa.Select[Any]) -> None:
    """Check that no table has a name that a search uses itself: conditions would be about that."""
    for whole in statement.get_final_froms():
        for one in whole._from_objects:
            if isinstance(one, NamedFromClause) and one.name in _TAKEN:
                raise ConfigurationError(
                    f"A search has something of its own by the name {one.name!r}: give the table "
                    "or alias another one."
                )


def _with_froms(
    statement: sa.Select[Any], distances: Iterable[EmbeddingDistance]
) -> sa.Select[Any]:
    """Return a statement that also selects from the tables that only its distances are of."""
    there = {one for whole in statement.get_final_froms() for one in whole._from_objects}
    needed = dict.fromkeys(one for distance in distances for one in distance._from_objects)
    lacking = [one for one in needed if one not in there]
    return statement.select_from(*lacking) if lacking else statement


def _distances(part: sa.ClauseElement) -> list[EmbeddingDistance]:
    return [found for found in every_part(part) if isinstance(found, EmbeddingDistance)]


def _first_ordering(statement: sa.Select[Any]) -> EmbeddingDistance | None:
    """Return the distance that a select is ordered by first and ascending; None: another."""
    if statement._distinct or statement._group_by_clauses or not statement._order_by_clauses:
        return None
    first: Any = statement._order_by_clauses[0]
    while not isinstance(first, EmbeddingDistance):
        if isinstance(first, UnaryExpression) and first.modifier not in (asc_op, nulls_last_op):
            return None
        if not isinstance(first, UnaryExpression | Label | _label_reference):
            return None
        first = first.element
    return first


def _rows_wanted(statement: sa.Select[Any], values: Mapping[str, Any]) -> int | None:
    """Return how many rows a select asks for, those that OFFSET skips included; None: all."""
    if statement._limit_clause is None:
        return None
    wanted = 0
    for clause in (statement._limit_clause, statement._offset_clause):
        if clause is None:
            continue
        if not isinstance(clause, sa.BindParameter):
            return None
        wanted += int(values.get(clause.key, clause.effective_value))
    return wanted or None


def _is_plain(statement: sa.Select[Any]) -> bool:
    """Return whether a select has every row of its one table."""
    if statement._setup_joins or statement._from_obj or len(statement.get_final_froms()) != 1:
        return False
    if any(isinstance(option, LoaderCriteriaOption) for option in statement._with_options):
        return False
    if not isinstance(statement.get_final_froms()[0], sa.Table | sa.Alias):
        return False
    entities = (part.get("entity") for part in statement.column_descriptions)
    return not any(_inherits(entity) for entity in entities if entity is not None)


def _inherits(entity: object) -> bool:
    mapper = getattr(sa.inspect(entity, raiseerr=False), "mapper", None)
    return mapper is not None and mapper.inherits is not None


_PARTS = ("_where_criteria", "_order_by_clauses", "_group_by_clauses", "_having_criteria")


def _with_parts(statement: sa.Select[Any], replace: Any) -> sa.Select[Any]:  # noqa: ANN401
    """Return a select whose clauses are replaced part by part, all but its FROM."""

    def changed(part: Any) -> Any:  # noqa: ANN401  # of a clause's own kind
        return visitors.replacement_traverse(part, {}, replace) if _distances(part) else part

    copy = statement._generate()
    for name in _PARTS:
        setattr(copy, name, tuple(changed(part) for part in getattr(copy, name)))
    copy._raw_columns = [changed(part) for part in copy._raw_columns]
    return copy
