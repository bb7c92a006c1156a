"""Asking the database what a declared source is: its key, its columns, what its SQL means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import errors as pg
from psycopg import sql

from embeddb.db.database import Connection
from embeddb.db.queries import Name, query
from embeddb.errors import (
    AttachError,
    ColumnNotFoundError,
    ConfigurationError,
    ExpressionError,
    NoPrimaryKeyError,
    NotATableError,
    PermissionDeniedError,
    TableNotFoundError,
)
from embeddb.repository.attached.adopt import check_text_columns
from embeddb.repository.attached.dependencies import OtherTable, Parent, understand_joined
from embeddb.repository.attached.probe import Probe, plain_path
from embeddb.schema.attached import KeyColumn, SourceTable
from embeddb.schema.attached_ddl import FollowedTable
from embeddb.schema.dependencies import DependsOn, Reference
from embeddb.schema.keys import base_type

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
_TEXTS = frozenset({25, 1043, 1042, 19})
"""The OIDs of text, varchar, char(n) and name."""
_BOOLEAN = 16
_NO_TITLES = frozenset(
    {"smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean"}
    | {"json", "jsonb", "bytea"}
)
"""Types whose values are no texts in JSON, or none that anybody reads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceSpec:
    """What a collection is to be attached to, in the user's own words.

    Attributes:
        source: a table, as SQL names it: `articles`, `shop.articles`, `"My schema"."T"`.
        text: columns, `title, body`, or a SQL expression; a list is columns.
        metadata: columns that are shown and filtered by.
        where: a SQL condition; None: every row takes part.
        owner: the chain of migrations that declares it; None: nobody new.
        depends_on: the other tables that an expression reads, and what leads from each to the rows.
        title_column: the column that is put before each chunk; None: `title`, if it is metadata.
        media_type: what kind of documents the one column of the text holds.
        media_type_column: the column that has the kind of each.
    """

    source: str
    text: str | Sequence[str]
    metadata: Sequence[str] = ()
    where: str | None = None
    owner: str | None = None
    depends_on: DependsOn = ()
    title_column: str | None = None
    media_type: str | None = None
    media_type_column: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """What the database makes of a declaration: the source, and the tables to be followed.

    Attributes:
        source: the source.
        followed: the table and its partitions.
        dependents: the same for each other table that its text is read from.
    """

    source: SourceTable
    followed: tuple[FollowedTable, ...]
    dependents: tuple[tuple[FollowedTable, ...], ...] = ()


def resolve(connection: Connection, own_schema: str, spec: SourceSpec) -> Resolved:
    """Return the source of a declaration, found in the caller's transaction, which stays as it is.

    Raises:
        TableNotFoundError, NotATableError, NoPrimaryKeyError, ColumnNotFoundError,
        ExpressionError, PermissionDeniedError.
    """
    oid, schema, table, row_security = _find(connection, own_schema, spec.source)
    with plain_path(connection):
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
    text, expression = _text(spec.text, types, place)
    metadata = tuple(_known(name, types, place) for name in spec.metadata)
    title = None if spec.title_column is None else _known(spec.title_column, types, place)
    _check_title(title, types, place)
    probe = Probe(connection, schema, table)
    others = [_other(connection, own_schema, *one) for one in spec.depends_on]
    joined = None
    if others:
        keys = [KeyColumn(name=name, type=types[name]) for name in names]
        joined = understand_joined(
            connection, Parent(oid=oid, schema=schema, table=table, keys=keys), expression, others
        )
        content = joined.content
    else:
        content = None if expression is None else probe.understand(expression, _TEXTS, "text")
    where = None if not spec.where else probe.understand(spec.where, {_BOOLEAN}, "boolean")
    content_columns = text or (content.columns if content else ())
    kinds = _media_types(spec, text, types, place)
    content_columns = (*content_columns, *kinds)
    titles = [title] if title else []
    read = (*content_columns, *metadata, *titles, *(where.columns if where else ()))
    source = SourceTable(
        schema=schema,
        table=table,
        keys=tuple(KeyColumn(name=name, type=types[name]) for name in names),
        text=text,
        expression=expression,
        metadata=metadata,
        where=spec.where or None,
        columns=tuple(dict.fromkeys(read)),
        types={name: types[name] for name in dict.fromkeys((*names, *read))},
        content_sql=content.text if content else None,
        where_sql=where.text if where else None,
        content_columns=tuple(dict.fromkeys(content_columns)),
        row_security=row_security,
        owner=spec.owner,
        dependencies=joined.dependencies if joined else (),
        title_column=title,
        media_type=spec.media_type,
        media_type_column=kinds[0] if kinds else None,
    )
    check_text_columns(connection, source, as_columns=text or ())
    followed = _followed(connection, oid)
    if not followed[0].is_whole:
        _check_shared(connection, source)
    return Resolved(
        source=source,
        followed=followed,
        dependents=tuple(_followed(connection, one.oid) for one in others),
    )


def _other(connection: Connection, own: str, name: str, reference: Reference) -> OtherTable:
    """Return another table that a text is read from, after the same checks as the source's own."""
    oid, schema, table, row_security = _find(connection, own, name)
    with plain_path(connection):
        rows = connection.execute(query("attach.columns"), {"oid": oid}).fetchall()
    types: dict[str, str] = dict(rows)
    columns = None
    if not isinstance(reference, str):
        columns = reference
    elif reference in types:
        columns = (reference,)
    else:
        columns = tuple(_names(reference)) or None
    if columns is not None:
        columns = tuple(_known(column, types, schema + "." + table) for column in columns)
    return OtherTable(
        oid=oid,
        schema=schema,
        table=table,
        source=name,
        reference=reference,
        columns=columns,
        types=types,
        row_security=row_security,
    )


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
            f"The role may not attach to {place}: it needs SELECT and TRIGGER on it.\n"
            "Ask the table's owner for them, or connect as another role."
        )
    return oid, schema, table, row_security


def _text(
    text: str | Sequence[str], types: dict[str, str], place: str
) -> tuple[tuple[str, ...] | None, str | None]:
    """Return the columns or the expression: what reads as a list of names is one."""
    if not isinstance(text, str):
        columns = tuple(_known(name, types, place) for name in text)
        if not columns:
            raise ColumnNotFoundError("No column is named for the text: name one or more.")
        return columns, None
    if text in types:
        return (text,), None
    names = list(_names(text))
    if names:
        return tuple(_known(name, types, place) for name in names), None
    if not text.strip():
        raise ColumnNotFoundError("No column is named for the text: name one or more.")
    return None, text


def _names(text: str) -> Iterator[str]:
    """Yield the names of a list of SQL names; nothing where the text is something else."""
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


def _media_types(
    spec: SourceSpec, text: tuple[str, ...] | None, types: dict[str, str], place: str
) -> tuple[str, ...]:
    """Return the column that has the kinds of documents, if any, after a check of the text."""
    if spec.media_type is None and spec.media_type_column is None:
        _check_text(text, types, place)
        return ()
    if spec.media_type is not None and spec.media_type_column is not None:
        raise ConfigurationError("Documents have a media_type or a media_type_column, not both.")
    kinds = () if spec.media_type_column is None else (spec.media_type_column,)
    if text is None or len(text) != 1:
        raise ExpressionError(
            "Only one column can hold documents: with a media type, name that column as the text."
        )
    return tuple(_known(kind, types, place) for kind in kinds)


def _check_text(text: tuple[str, ...] | None, types: dict[str, str], place: str) -> None:
    for name in text or ():
        if types[name] == "bytea":
            raise ExpressionError(
                f"Column {name} of {place} is bytea, which is no text: say what documents it "
                "holds, by media_type or media_type_column, or give an expression, "
                f"convert_from({name}, 'UTF8') for one."
            )


def _check_title(title: str | None, types: dict[str, str], place: str) -> None:
    if title is not None and (types[title].endswith("[]") or base_type(types[title]) in _NO_TITLES):
        raise ExpressionError(
            f"Column {title} of {place} is {types[title]}, which is no title: name a column of "
            "text."
        )


def _check_shared(connection: Connection, source: SourceTable) -> None:
    """Check that no table that inherits from the source has a key of it once more."""
    keys = sql.SQL(", ").join(Name("s", key.name) for key in source.keys)
    names: dict[str, sql.Composable] = {"keys": keys, "source": Name(source.schema, source.table)}
    row = connection.execute(query("attach.shared_key", **names), {}).fetchone()
    if row is not None:
        raise NotATableError(
            f"Several rows of {source.table_text}, and of tables that inherit from it, have the "
            f"key {', '.join(map(str, row))}: nobody can tell which chunks are whose. Give each a "
            "key of its own first."
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


def check_privileges(connection: Connection, schema: str) -> None:
    """Check that this role may do what the triggers do as this role.

    Raises:
        PermissionDeniedError: it may not; every write of the application would fail.
    """
    rows = connection.execute(query("attach.missing_privileges"), {"schema": schema}).fetchall()
    if rows:
        raise PermissionDeniedError(
            f"Triggers run as whoever attaches, and this role lacks in schema {schema}: "
            + ", ".join(row[0] for row in rows)
            + ".\nAsk the schema's owner to make it one, `embeddb grant owner ROLE`, or connect as "
            "another role."
        )


def check_name_free(error: psycopg.Error, name: str) -> AttachError:
    """Return the error that something of the name is there already."""
    return AttachError(
        f"Something named for a collection {name!r} is there already: "
        f"{error.diag.message_primary or error}. Choose another name, or drop it first."
    )
