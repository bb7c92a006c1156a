"""A vector index as a migration sees it: what it is on, how it is built, which rows it holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import LiteralString

from psycopg import sql

from embeddb.db.queries import query

METHODS = ("hnsw", "ivfflat")

_DEFAULTS: dict[str, dict[str, int]] = {
    "hnsw": {"m": 16, "ef_construction": 64},
    "ivfflat": {"lists": 100},
}
"""What pgvector takes where WITH says nothing."""

_CAST_DIM = re.compile(r"(?:::\s*|\bAS\s+)(?:\w+\.)?(?:vector|halfvec|bit)\s*\(\s*(\d+)\s*\)", re.I)
_CONCURRENTLY = sql.SQL(" CONCURRENTLY")
_NOTHING = sql.SQL("")


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorIndex:
    """A vector index of an application's own table.

    Attributes:
        on: a column, or where `is_column` is False a SQL expression.
        opclass: None: the method's default, which only IVFFlat has (l2).
        options: what stands in WITH, e.g. m and ef_construction.
        where: the condition of a partial index, as SQL.
    """

    name: str
    table: str
    schema: str | None
    on: str
    is_column: bool
    method: str = "hnsw"
    opclass: str | None = None
    options: tuple[tuple[str, int], ...] = ()
    where: str | None = None

    @property
    def built_with(self) -> dict[str, int]:
        """What it is built with, pgvector's defaults included."""
        return _DEFAULTS.get(self.method, {}) | dict(self.options)

    @property
    def stored_as(self) -> str | None:
        """The type that the index holds; None where the operator class does not tell."""
        return self.opclass.split("_")[0] if self.opclass else None

    @property
    def cast_dim(self) -> int | None:
        """The dimensions that the expression casts to, if it does."""
        found = _CAST_DIM.findall(self.on)
        return int(found[-1]) if found and not self.is_column else None

    def named(self, name: str) -> VectorIndex:
        """Return the same index under another name."""
        return replace(self, name=name)

    def create(self, *, concurrently: bool) -> sql.Composed:
        """Return the statement that builds the index."""
        return query(
            "vector_indexes.create",
            concurrently=_CONCURRENTLY if concurrently else _NOTHING,
            index=sql.Identifier(self.name),
            table=_qualified(self.schema, self.table),
            method=sql.Identifier(self.method),
            expression=sql.Identifier(self.on) if self.is_column else _in_brackets(self.on),
            opclass=_opclass(self.opclass),
            options=_with(self.options),
            where=sql.SQL(" WHERE {}").format(as_sql(self.where)) if self.where else _NOTHING,
        )

    def drop(self, *, concurrently: bool) -> sql.Composed:
        """Return the statement that removes the index."""
        return query(
            "vector_indexes.drop",
            concurrently=_CONCURRENTLY if concurrently else _NOTHING,
            index=_qualified(self.schema, self.name),
        )

    def rename_to(self, name: str) -> sql.Composed:
        """Return the statement that gives the index another name."""
        return query(
            "vector_indexes.rename",
            index=_qualified(self.schema, self.name),
            new=sql.Identifier(name),
        )


def options_of(given: Mapping[str, object] | None) -> tuple[tuple[str, int], ...]:
    """Return what stands in WITH, as numbers; it may be given as numbers or as their text."""
    return tuple((name, int(str(value))) for name, value in (given or {}).items())


def without_brackets(expression: str) -> str:
    """Return an expression without brackets around the whole of it."""
    text = expression.strip()
    while text.startswith("(") and text.endswith(")") and _is_one_group(text):
        text = text[1:-1].strip()
    return text


def _is_one_group(text: str) -> bool:
    depth = 0
    for position, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0 and position < len(text) - 1:
            return False
    return True


def _literal(text: str) -> LiteralString:
    """Return SQL of an application's own code, which is no input of anybody's."""
    return text


def as_sql(text: str) -> sql.SQL:
    """Return SQL that a migration or a model has written, ready to be part of a statement."""
    return sql.SQL(_literal(text))


def _in_brackets(expression: str) -> sql.Composed:
    return sql.SQL("({})").format(as_sql(expression))


def _qualified(schema: str | None, name: str) -> sql.Identifier:
    return sql.Identifier(name) if schema is None else sql.Identifier(schema, name)


def _opclass(opclass: str | None) -> sql.Composable:
    if opclass is None:
        return _NOTHING
    return sql.SQL(" {}").format(sql.Identifier(*opclass.split(".")))


def _with(options: tuple[tuple[str, int], ...]) -> sql.Composable:
    if not options:
        return _NOTHING
    written = (
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in options
    )
    return sql.SQL(" WITH ({})").format(sql.SQL(", ").join(written))
