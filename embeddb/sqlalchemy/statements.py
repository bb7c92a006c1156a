"""What a statement is, as far as it matters to a search in it, and statements changed in part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql import visitors
from sqlalchemy.sql.dml import DMLWhereBase
from sqlalchemy.sql.elements import Label, UnaryExpression, _label_reference
from sqlalchemy.sql.operators import asc_op, nulls_last_op
from sqlalchemy.sql.selectable import NamedFromClause

from embeddb.db.rendering import Expression
from embeddb.errors import ConfigurationError
from embeddb.repository.search.nearest_rows import every_part
from embeddb.sqlalchemy.expression import EmbeddingDistance

_TAKEN = frozenset({"c", "d", "p", "s"})
"""Aliases within the statement of a search."""


def entities_of(statement: sa.Select[Any]) -> Iterable[Any]:
    """Yield what a select's columns are mapped to: mappers, and inspected aliases of classes."""
    for column in statement._raw_columns:
        for part in every_part(column):
            entity: Any = getattr(part, "_annotations", {}).get("parententity")
            if entity is not None:
                yield entity


def mapped_subqueries(statement: sa.ClauseElement) -> Iterable[sa.ClauseElement]:
    """Yield the subqueries that a select's aliases of classes stand for: `aliased(Article, …)`."""
    if isinstance(statement, sa.Select):
        for entity in entities_of(statement):
            if entity.is_aliased_class:
                yield entity.selectable


def check_names(statement: sa.Select[Any]) -> None:
    """Check that no table has a name that a search uses itself: conditions would be about that."""
    for whole in statement.get_final_froms():
        for one in whole._from_objects:
            if isinstance(one, NamedFromClause) and one.name in _TAKEN:
                raise ConfigurationError(
                    f"A search has something of its own by the name {one.name!r}: give the table "
                    "or alias another one."
                )


def with_froms(
    statement: sa.Select[Any],
    distances: Iterable[EmbeddingDistance],
    around: frozenset[sa.FromClause],
) -> sa.Select[Any]:
    """Return a select that also has the tables that only its distances are of.

    One that has tables of its own reads those around it from there.
    """
    there = froms_of(statement)
    there |= around if there else frozenset()
    needed = dict.fromkeys(one for distance in distances for one in distance._from_objects)
    lacking = [one for one in needed if one not in there]
    return statement.select_from(*lacking) if lacking else statement


def distances_of(part: sa.ClauseElement) -> list[EmbeddingDistance]:
    """Return the distances in a statement or a part of one, those of its subqueries too."""
    return [found for found in every_part(part) if isinstance(found, EmbeddingDistance)]


def first_ordering(statement: sa.Select[Any]) -> EmbeddingDistance | None:
    """Return the distance that a select is ordered by first and ascending; None: another."""
    if is_distinct_on(statement) or statement._group_by_clauses or not statement._order_by_clauses:
        return None
    first: Any = statement._order_by_clauses[0]
    while not isinstance(first, EmbeddingDistance):
        if isinstance(first, UnaryExpression) and first.modifier not in (asc_op, nulls_last_op):
            return None
        if not isinstance(first, UnaryExpression | Label | _label_reference):
            return None
        first = first.element
    return first


def is_distinct_on(statement: sa.Select[Any]) -> bool:
    """Return whether a select is a DISTINCT ON, of SQLAlchemy 2.1's way to write it too."""
    return bool(
        statement._distinct_on or getattr(statement, "_pre_columns_clause", None) is not None
    )


def passes_over_locked(statement: sa.Select[Any]) -> bool:
    """Return whether rows that are locked are left out: how many are to be found, nobody knows."""
    return statement._for_update_arg is not None and bool(statement._for_update_arg.skip_locked)


def is_correlated(statement: sa.Select[Any], around: frozenset[sa.FromClause]) -> bool:
    """Return whether a select reads a row of a statement around it, so that it cannot be moved."""
    own = froms_of(statement)
    return bool(statement._correlate) or (len(own) > 1 and not own.isdisjoint(around))


def selects(statement: sa.Select[Any], keys: Iterable[Expression]) -> bool:
    """Return whether a select has all these columns."""
    selected = statement.selected_columns
    return all(any(key.compare(one) for one in selected) for key in keys)


def froms_of(statement: Any) -> frozenset[sa.FromClause]:  # noqa: ANN401  # any statement
    """Return the tables and aliases that a statement reads or changes."""
    if isinstance(statement, sa.Select):
        wholes = statement.get_final_froms()
        return frozenset(one for whole in wholes for one in whole._from_objects)
    if isinstance(statement, DMLWhereBase):
        named = (one for part in statement._where_criteria for one in part._from_objects)
        return frozenset((*statement.table._from_objects, *named))
    return frozenset()


def locking_its_own(statement: sa.Select[Any]) -> sa.Select[Any]:
    """Return a select that locks no more than before, with a search among what it selects from."""
    lock = statement._for_update_arg
    if lock is None or lock.of:
        return statement
    return statement.with_for_update(
        nowait=lock.nowait, read=lock.read, key_share=lock.key_share, of=list(froms_of(statement))
    )


def rows_wanted(statement: sa.Select[Any], values: Mapping[str, Any]) -> int | None:
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


def is_plain(statement: sa.Select[Any]) -> bool:
    """Return whether a select has every row of its one table."""
    if statement._setup_joins or statement._from_obj or len(statement.get_final_froms()) != 1:
        return False
    if any(isinstance(option, LoaderCriteriaOption) for option in statement._with_options):
        return False
    if not isinstance(statement.get_final_froms()[0], sa.Table | sa.Alias):
        return False
    return not any(entity.mapper.inherits for entity in entities_of(statement))


_PARTS = (
    "_where_criteria",
    "_order_by_clauses",
    "_group_by_clauses",
    "_having_criteria",
    "_distinct_on",
)


def with_parts(statement: sa.Select[Any], replace: Any) -> sa.Select[Any]:  # noqa: ANN401
    """Return a select whose clauses are replaced part by part, all but its FROM."""

    def changed(part: Any) -> Any:  # noqa: ANN401  # of a clause's own kind
        return visitors.replacement_traverse(part, {}, replace) if distances_of(part) else part

    copy = statement._generate()
    for name in _PARTS:
        setattr(copy, name, tuple(changed(part) for part in getattr(copy, name)))
    if getattr(copy, "_pre_columns_clause", None) is not None:  # a DISTINCT ON
        copy._pre_columns_clause = changed(copy._pre_columns_clause)
    copy._raw_columns = [changed(part) for part in copy._raw_columns]
    return copy
