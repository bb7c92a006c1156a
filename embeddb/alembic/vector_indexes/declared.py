"""Vector indexes that an application's models declare with `Index(…, postgresql_using="hnsw")`."""

from __future__ import annotations

import re
from typing import Any

from alembic.util import CommandError
from sqlalchemy import ClauseElement, Column, Index, Table, TextClause
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import Label

from embeddb.alembic.vector_indexes.definition import (
    METHODS,
    VectorIndex,
    options_of,
    without_brackets,
)

_WITH_OPCLASS = re.compile(r"^(?P<on>.*\S)\s+(?P<opclass>(?:\w+\.)?\w+_ops)$", re.S)
_COLUMN = re.compile(r"^[a-z_][a-z0-9_$]*$")

_DIALECT = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]


def is_vector_index(index: Index) -> bool:
    """Return whether a model's index is one of pgvector's."""
    return _option(index, "using") in METHODS


def vector_indexes_of(table: Table) -> dict[str, VectorIndex]:
    """Return the vector indexes of a model, by name.

    Raises:
        CommandError: one has no name, or operator classes that belong to none of its columns.
    """
    found = (from_model(index) for index in table.indexes if is_vector_index(index))
    return {index.name: index for index in sorted(found, key=lambda index: index.name)}


def from_model(index: Index) -> VectorIndex:
    """Return a vector index of a model as a migration sees it.

    Raises:
        CommandError: it has no name, or operator classes that belong to none of its columns.
    """
    assert index.table is not None
    if index.name is None:
        raise CommandError(f"A vector index of the table {index.table.name!r} needs a name.")
    element: Any = next(iter(index.expressions))
    on, is_column, opclass = _on(element)
    where = _option(index, "where")
    return VectorIndex(
        name=str(index.name),
        table=index.table.name,
        schema=index.table.schema,
        on=on,
        is_column=is_column,
        method=_option(index, "using"),
        opclass=opclass or _opclass(index, element),
        options=options_of(_option(index, "with")),
        where=None if where is None else _sql(where),
    )


def _on(element: ClauseElement) -> tuple[str, bool, str | None]:
    """Return what an index is on, whether that is a column, and the operator class in its text."""
    if isinstance(element, Column):
        return element.name, True, None
    text = _sql(element.element if isinstance(element, Label) else element)
    given = _WITH_OPCLASS.match(text)
    opclass = given["opclass"] if given else None
    on = without_brackets(given["on"] if given else text)
    # as text, a column is what stands there; only a plain name is surely one
    return on, bool(isinstance(element, TextClause) and _COLUMN.match(on)), opclass


def _opclass(index: Index, element: ClauseElement) -> str | None:
    """Return the operator class in `postgresql_ops`, whose keys are columns' keys and labels."""
    classes: dict[str, str] = _option(index, "ops") or {}
    if not classes:
        return None
    key = getattr(element, "key", None)
    if key not in classes:
        known = f"the key of what it is on is {key!r}" if key else "what it is on has no key"
        raise CommandError(
            f"Index {index.name!r} has postgresql_ops={classes!r}, and {known}: SQLAlchemy would "
            "leave the operator class out. Use the column's key, or give the expression a label "
            "and use that."
        )
    return classes[key]


def _option(index: Index, name: str) -> Any:  # noqa: ANN401  # SQLAlchemy does not tell
    return index.dialect_options["postgresql"][name]


def _sql(element: ClauseElement | str) -> str:
    if isinstance(element, str):
        return element
    options = {"literal_binds": True, "include_table": False}
    return str(element.compile(dialect=_DIALECT, compile_kwargs=options))
