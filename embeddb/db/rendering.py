"""Statements as text: with psycopg's named parameters, or with a function's numbered ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import sqlalchemy as sa
from psycopg import sql
from psycopg.abc import AdaptContext
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

Expression: TypeAlias = sa.ColumnElement[Any]

DIALECT: sa.Dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]

_PLACE = re.compile(r"%\((\w+)\)s|%%")

PARAMETERS = ("query", "limit", "filter", "max_distance", "part", "without")
"""What a search passes to its statement; in the SQL function the first five are $1 to $5."""


def parameter(name: str, kind: sa.types.TypeEngine[Any]) -> sa.BindParameter[Any]:
    """Return a parameter of the statement, which keeps its name whoever sends it."""
    return sa.bindparam(name, None, type_=kind)


def constant(text: str) -> Expression:
    """Return a text of embeddb's own as a quoted literal."""
    return sa.literal_column("'" + text.replace("'", "''") + "'", sa.Text)


def number(value: float) -> Expression:
    """Return a number of embeddb's own as a literal."""
    kind: sa.types.TypeEngine[Any] = sa.Integer() if isinstance(value, int) else sa.Double()
    return sa.literal_column(repr(value), kind)


def count_all() -> sa.sql.functions.Function[int]:
    """Return Postgres's own `count(*)`."""
    counted: sa.sql.functions.Function[int] = sa.func.pg_catalog.count(
        sa.literal_column("*"), type_=sa.BigInteger()
    )
    return counted


def quoted(name: str) -> str:
    """Return a name, quoted where it needs it."""
    return DIALECT.identifier_preparer.quote(name)


def as_text(statement: sa.ClauseElement) -> tuple[str, dict[str, Any]]:
    """Return a statement as psycopg reads it, and the values of its own parameters."""
    compiled = statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
    given = {
        name: _bound(compiled, name, value)
        for name, value in compiled.params.items()
        if name not in PARAMETERS
    }
    return str(compiled), given


def _bound(compiled: sa.Compiled, name: str, value: object) -> object:
    """Return a value as its type sends it: a dict as JSON, for one."""
    bind = getattr(compiled, "binds", {}).get(name)
    process = None if bind is None else bind.type.dialect_impl(DIALECT).bind_processor(DIALECT)
    return value if process is None else process(value)


def with_values(text: str, values: Mapping[str, Any]) -> str:
    """Return a statement with its values written into it, its percent signs single."""

    def written(match: re.Match[str]) -> str:
        return "%" if match[1] is None else sql.Literal(values[match[1]]).as_string(None)

    return _PLACE.sub(written, text)


def as_function_body(statement: sa.ClauseElement) -> str:
    """Return a statement with $1 (query), $2 (limit), $3 (filter), $4 (max_distance), $5 (part)."""
    text, given = as_text(statement)
    places = {name: "$" + str(place) for place, name in enumerate(PARAMETERS, start=1)}
    return text % (places | {name: str(int(value)) for name, value in given.items()})


def as_definition(expression: sa.ClauseElement) -> str:
    """Return an expression that has no parameters as text, its percent signs doubled."""
    text, given = as_text(expression)
    assert not given  # an index cannot depend on a parameter
    return text


class Written(sql.Composable):
    """SQL that SQLAlchemy wrote, its percent signs doubled already."""

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        """Return the text."""
        return str(self._obj).encode()


class Qualified(sa.types.UserDefinedType[Any]):
    """A type of pgvector's, named with the schema that the extension is in."""

    cache_ok = True

    def __init__(self, schema: str, kind: str, dim: int | None = None) -> None:
        self.schema = schema
        self.kind = kind
        self.dim = dim

    def get_col_spec(self, **keywords: object) -> str:
        """Return the type's name."""
        name = quoted(self.schema) + "." + self.kind
        return name if self.dim is None else name + "(" + str(self.dim) + ")"


class Bits(sa.types.UserDefinedType[Any]):
    """Postgres's own `bit(n)`, which no schema may stand before without quoting it away."""

    cache_ok = True

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def get_col_spec(self, **keywords: object) -> str:
        """Return the type's name."""
        return "bit(" + str(self.dim) + ")"
