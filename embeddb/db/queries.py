"""Named SQL: each statement is a block of `sql/queries/*.sql`, read once and filled by name."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, LiteralString

from psycopg import sql
from psycopg.abc import AdaptContext

if TYPE_CHECKING:
    import sqlalchemy as sa

_PARAMETER = re.compile(r"%\((\w+)\)s")
_BLOCK = re.compile(r"^-- name: (?P<name>\w+)\n(?P<text>.*?)(?=^-- name: |\Z)", re.M | re.S)


class Name(sql.Identifier):
    """A quoted identifier for a statement with parameters, where psycopg reads `%` itself."""

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        """Return the quoted text, each percent sign doubled."""
        return super().as_bytes(context).replace(b"%", b"%%")


class Value(sql.Literal):
    """A value written into a statement with parameters, where it can be none: in DDL."""

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        """Return the quoted text, each percent sign doubled."""
        return super().as_bytes(context).replace(b"%", b"%%")


class Fragment(sql.SQL):
    """SQL of the user's own in a statement with parameters: each percent sign is doubled."""

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        """Return the text, its percent signs doubled."""
        return super().as_bytes(context).replace(b"%", b"%%")


def _literal(text: str) -> LiteralString:
    """Return SQL of the package's own, or that was checked where it came in, as a literal."""
    return text


def verbatim(text: str) -> sql.SQL:
    """Return SQL that the user or Postgres wrote as it is, for a statement without parameters."""
    return sql.SQL(_literal(text))


def fragment(text: str) -> Fragment:
    """Return SQL that the user or Postgres wrote as it is, for a statement with parameters."""
    return Fragment(_literal(text))


@cache
def _blocks(file: str) -> dict[str, str]:
    text = (resources.files("embeddb.sql") / "queries" / (file + ".sql")).read_text("utf-8")
    return {match["name"]: match["text"].strip() for match in _BLOCK.finditer(text)}


def query(name: str, **slots: sql.Composable) -> sql.Composed:
    """Return the statement `file.block`, its `{…}` filled with identifiers or SQL.

    Execute it with parameters, an empty dict if there are none: percent signs are doubled.
    """
    file, block = name.split(".")
    return sql.SQL(_literal(_blocks(file)[block])).format(**slots)


def statement(name: str, **slots: sql.Composable) -> sa.TextClause:
    """Return the statement `file.block` for a SQLAlchemy connection, whatever its driver."""
    import sqlalchemy as sa

    text = query(name, **slots).as_string(None).replace(":", "\\:")
    return sa.text(_PARAMETER.sub(r":\1", text).replace("%%", "%"))


def text_of(composed: sql.Composable) -> sa.TextClause:
    """Return SQL without parameters, and with single percent signs, for a SQLAlchemy connection."""
    import sqlalchemy as sa

    return sa.text(composed.as_string(None).replace(":", "\\:"))


def script(folder: str, file: str, **slots: sql.Composable) -> sql.Composed:
    """Return a whole file of `sql/<folder>/`; execute it without parameters."""
    text = (resources.files("embeddb.sql") / folder / (file + ".sql")).read_text("utf-8")
    return sql.SQL(_literal(text)).format(**slots)


def scripts(folder: str) -> list[str]:
    """Return the names of the files in `sql/<folder>/`, without their suffix and sorted."""
    entries = (resources.files("embeddb.sql") / folder).iterdir()
    return sorted(entry.name.removesuffix(".sql") for entry in entries if entry.name[-4:] == ".sql")
