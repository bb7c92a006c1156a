"""Asks the database what a declared source is: its key, its columns, what its SQL means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import errors as pg
from psycopg import sql

from embeddb.db.database import Connection
from embeddb.db.queries import Name, fragment, query
from embeddb.errors import (
    AttachError,
    ColumnNotFoundError,
    ExpressionError,
    NoPrimaryKeyError,
    NotATableError,
    PermissionDeniedError,
    TableNotFoundError,
)
from embeddb.schema.attached import KeyColumn, SourceTable
from embeddb.schema.attached_ddl import FollowedTable

_NOT_TABLES = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "I": "an index",
    "c": "a type",
}
_NAME = re.compile(r'\s*("(?:[^"]|"")+"|[^\W\d][\w$]*)\s*')
_CONSTRAINT = "embeddb_probe"
_IS_NOT_NULL = " IS NOT NULL)"
_TEXTS = frozenset({25, 1043, 1042, 19})
"""The OIDs of text, varchar, char(n) and name."""
_BOOLEAN = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceSpec:
    """What somebody wants a collection attached to, in his own words.

    Attributes:
        source: a table, as SQL names it: `articles`, `shop.articles`, `"My schema"."T"`.
        text: columns, `title, body`, or a SQL expression; a list is columns.
        metadata: columns that are shown and filtered by.
        where: a SQL condition; None: every row takes part.
    """

    source: str
    text: str | Sequence[str]
    metadata: Sequence[str] = ()
    where: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """What the database makes of a declaration: the source, and the tables to be followed."""

    source: SourceTable
    followed: tuple[FollowedTable, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """An expression as Postgres understands it."""

    text: str
    columns: tuple[str, ...]


def resolve(connection: Connection, own_schema: str, wanted: SourceSpec) -> Resolved:
    """Make a source of a declaration, in the caller's transaction, which stays as it is.

    Raises:
        TableNotFoundError, NotATableError, NoPrimaryKeyError, ColumnNotFoundError,
        ExpressionError, PermissionDeniedError.
    """
    oid, schema, table, row_security = _find(connection, own_schema, wanted.source)
    with _plain_path(connection):
        types: dict[str, str] = dict(
            connection.execute(query("attach.columns"), {"oid": oid}).fetchall()
        )
        names = [row[0] for row in connection.execute(query("attach.keys"), {"oid": oid})]
    place = schema + "." + table
    if not names:
        raise NoPrimaryKeyError(
            f"{place} has no primary key, so nothing says which row is which: add one with "
            f"ALTER TABLE {sql.Identifier(schema, table).as_string()} ADD PRIMARY KEY (…)."
        )
    text, expression = _text(wanted.text, types, place)
    metadata = tuple(_known(name, types, place) for name in wanted.metadata)
    probe = _Probe(connection, schema, table)
    content = None if expression is None else probe.understand(expression, _TEXTS, "text")
    where = None if not wanted.where else probe.understand(wanted.where, {_BOOLEAN}, "boolean")
    content_columns = text or (content.columns if content else ())
    _check_text(text, types, place)
    read = (*content_columns, *metadata, *(where.columns if where else ()))
    source = SourceTable(
        schema=schema,
        table=table,
        keys=tuple(KeyColumn(name=name, type=types[name]) for name in names),
        text=text,
        expression=expression,
        metadata=metadata,
        where=wanted.where or None,
        columns=tuple(dict.fromkeys(read)),
        types={name: types[name] for name in dict.fromkeys((*names, *read))},
        content_sql=content.text if content else None,
        where_sql=where.text if where else None,
        content_columns=tuple(dict.fromkeys(content_columns)),
        row_security=row_security,
    )
    return Resolved(source=source, followed=_followed(connection, oid))


def _find(connection: Connection, own: str, name: str) -> tuple[int, str, str, bool]:
    try:
        with connection.transaction():
            row = connection.execute(query("attach.find"), {"source": name}).fetchone()
    except (pg.InvalidName, pg.SyntaxError) as error:
        raise TableNotFoundError(
            f"{name!r} is no name of a table: write it as SQL does, public.articles or "
            '"My schema"."My table".'
        ) from error
    if row is None:
        known = [row[0] for row in connection.execute(query("attach.like"), {})]
        raise TableNotFoundError(f"There is no table {name!r}." + _near(name, known))
    oid, schema, table, kind, persistence, is_partition, row_security, may_read, may_follow = row
    place = schema + "." + table
    if kind in _NOT_TABLES:
        raise NotATableError(
            f"{place} is {_NOT_TABLES[kind]}, and what is written to it cannot be followed: attach "
            "the table that the rows are in, with an expression and a condition if need be."
        )
    if persistence == "t":
        raise NotATableError(f"{place} is temporary: other sessions, a worker's too, see none.")
    if is_partition:
        raise NotATableError(
            f"{place} is a partition, and rows written through the table that it is of would be "
            "missed: attach that table, with a condition for the rows of this partition."
        )
    if schema == own or schema in ("pg_catalog", "information_schema"):
        raise NotATableError(f"{place} is a table of embeddb's or of Postgres's own.")
    if not (may_read and may_follow):
        raise PermissionDeniedError(
            f"The role may not attach to {place}: it needs the rights SELECT and TRIGGER on it.\n"
            "Ask the table's owner for them, or connect as another role."
        )
    return oid, schema, table, row_security


def _text(
    wanted: str | Sequence[str], types: dict[str, str], place: str
) -> tuple[tuple[str, ...] | None, str | None]:
    """Tell columns from an expression: what reads as a list of names is one."""
    if not isinstance(wanted, str):
        columns = tuple(_known(name, types, place) for name in wanted)
        if not columns:
            raise ColumnNotFoundError("No column is named for the text: name one or more.")
        return columns, None
    if wanted in types:
        return (wanted,), None
    names = list(_names(wanted))
    if names:
        return tuple(_known(name, types, place) for name in names), None
    if not wanted.strip():
        raise ColumnNotFoundError("No column is named for the text: name one or more.")
    return None, wanted


def _names(text: str) -> Iterator[str]:
    """Read a list of SQL names; nothing where it is something else."""
    found: list[str] = []
    position = 0
    while match := _NAME.match(text, position):
        name = match[1]
        found.append(name[1:-1].replace('""', '"') if name[0] == '"' else name.lower())
        position = match.end()
        if position == len(text):
            yield from found
            return
        if text[position] != ",":
            return
        position += 1


def _known(name: str, types: dict[str, str], place: str) -> str:
    if name in types:
        return name
    raise ColumnNotFoundError(f"{place} has no column {name!r}." + _near(name, list(types)))


def _near(name: str, known: Sequence[str]) -> str:
    by_tail = {text.rpartition(".")[2]: text for text in known}
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or [
        by_tail[tail]
        for tail in difflib.get_close_matches(name.rpartition(".")[2], list(by_tail), n=3)
    ]
    if near:
        return " Is it " + " or ".join(near) + "?"
    return " It has: " + ", ".join(known[:20]) + "." if known else ""


def _check_text(text: tuple[str, ...] | None, types: dict[str, str], place: str) -> None:
    for name in text or ():
        if types[name] == "bytea":
            raise ExpressionError(
                f"Column {name} of {place} is bytea, which is no text: give an expression, "
                f"convert_from({name}, 'UTF8') for one."
            )


def _followed(connection: Connection, oid: int) -> tuple[FollowedTable, ...]:
    rows = connection.execute(query("attach.followed"), {"oid": oid}).fetchall()
    foreign = [row[0] + "." + row[1] for row in rows if row[3] == "f"]
    if foreign:
        raise NotATableError(
            f"The partition {foreign[0]} is a foreign table: what is written there by others "
            "cannot be followed."
        )
    return tuple(FollowedTable(schema=row[0], table=row[1], is_whole=row[2]) for row in rows)


@contextmanager
def _plain_path(connection: Connection) -> Iterator[None]:
    """Have names written with their schemas inside the block."""
    path = connection.execute(query("attach.search_path"), {}).fetchone()
    assert path is not None
    connection.execute(query("attach.plain_path"), {})
    yield
    connection.execute(
        sql.SQL("SELECT pg_catalog.set_config('search_path', %(path)s, true)"), {"path": path[0]}
    )


class _Undo(Exception):  # noqa: N818  # no error: it ends a transaction that is to leave nothing
    """Raised to roll a savepoint back."""


class _Probe:
    """Tries the user's SQL on an empty table of the source's columns."""

    def __init__(self, connection: Connection, schema: str, table: str) -> None:
        self._connection = connection
        self._place = schema + "." + table
        self._parts: dict[str, sql.Composable] = {
            "source": Name(schema, table),
            "probe": Name("pg_temp", table),
            "constraint": Name(_CONSTRAINT),
        }
        self._name = sql.Identifier("pg_temp", table).as_string()

    def understand(self, text: str, types: frozenset[int] | set[int], wanted: str) -> _Kept:
        """Give an expression as Postgres understands it; nothing of the attempt is left.

        Raises:
            ExpressionError: it does not parse, has another type, looks at more than one row, or
                is not the same each time.
        """
        found: list[_Kept] = []
        try:
            with self._connection.transaction():
                self._connection.execute(query("attach.copy_shape", **self._parts), {})
                self._check_type(text, types, wanted)
                found.append(self._keep(text))
                raise _Undo
        except _Undo:
            return found[0]
        except psycopg.Error as error:
            if isinstance(error, pg.InsufficientPrivilege):
                raise
            raise ExpressionError(self._told(text, error)) from error

    def _check_type(self, text: str, types: frozenset[int] | set[int], wanted: str) -> None:
        statement = query("attach.try_expression", expression=fragment(text), **self._parts)
        cursor = self._connection.execute(statement, {"rows": 0})
        columns = cursor.description or []
        if len(columns) != 1:
            raise ExpressionError(
                f"{text!r} is {len(columns)} expressions, not one: join texts with || or concat_ws."
            )
        if columns[0].type_code not in types:
            row = self._connection.execute(
                sql.SQL("SELECT pg_catalog.format_type(%(oid)s::bigint::oid, NULL)"),
                {"oid": columns[0].type_code},
            ).fetchone()
            assert row is not None
            raise ExpressionError(
                f"{text!r} is of type {row[0]}, not {wanted}: cast it with ({text})::{wanted}."
            )

    def _keep(self, text: str) -> _Kept:
        statement = query("attach.keep_expression", expression=fragment(text), **self._parts)
        self._connection.execute(statement, {})
        with _plain_path(self._connection):
            row = self._connection.execute(
                query("attach.kept"), {"probe": self._name, "constraint": _CONSTRAINT}
            ).fetchone()
        assert row is not None
        written, columns, volatile = row
        if volatile:
            raise ExpressionError(
                f"{text!r} calls {', '.join(volatile)}, which gives another result each time: what "
                "was encoded could not be told from what changed."
            )
        if None in columns:
            raise ExpressionError(f"{text!r} reads whole rows: name the columns that it needs.")
        if not (written.startswith("(") and written.endswith(_IS_NOT_NULL)):
            raise ExpressionError(f"{text!r} is nothing that embeddb can read back: {written}")
        return _Kept(written[1 : -len(_IS_NOT_NULL)], tuple(columns))

    def _told(self, text: str, error: psycopg.Error) -> str:
        message = error.diag.message_primary or str(error)
        message = message.replace("check constraint", "such an expression")
        hint = " " + error.diag.message_hint if error.diag.message_hint else ""
        return f"{text!r} cannot be had of a row of {self._place}: {message}.{hint}"


def check_rights(connection: Connection, schema: str) -> None:
    """See to it that what the triggers do as this role, the role may do.

    Raises:
        PermissionDeniedError: it may not; every write of the application would fail.
    """
    rows = connection.execute(query("attach.missing_rights"), {"schema": schema}).fetchall()
    if rows:
        raise PermissionDeniedError(
            f"Triggers run as whoever attaches, and this role lacks in schema {schema}: "
            + ", ".join(row[0] for row in rows)
            + ".\nAsk the schema's owner to make it one, `embeddb grant owner ROLE`, or connect as "
            "another role."
        )


def check_name_free(error: psycopg.Error, name: str) -> AttachError:
    """Say that something of the name is there already."""
    return AttachError(
        f"Something named for a collection {name!r} is there already: "
        f"{error.diag.message_primary or error}. Choose another name, or drop it first."
    )
