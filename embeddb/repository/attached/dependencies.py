"""Understanding a text that is read from several tables, and what leads from each to its rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from psycopg import errors as pg
from psycopg import sql

from embeddb.db.database import Connection
from embeddb.db.queries import Name, fragment, query, verbatim
from embeddb.errors import EmbedDBWarning, ExpressionError
from embeddb.repository.attached.probe import Understood, plain_path
from embeddb.schema import dependency_ddl
from embeddb.schema.attached import KeyColumn, SourceTable
from embeddb.schema.attached_sql import EXACT_TYPES, STRING_TYPES, comparable
from embeddb.schema.dependencies import Dependency, Reference
from embeddb.schema.keys import base_type

_VIEW = Name("pg_temp", "embeddb_probe_view")
_COLUMN = " AS embeddb_probed\n   FROM "
"""What stands after the expression in the view that it is kept in."""
_SELECT = " SELECT "
_EXISTS = ("(EXISTS ( ", "))")
_TEXTS = frozenset({25, 1043, 1042, 19})
"""The OIDs of text, varchar, char(n) and name."""
_TIMES = 1
"""How often the view names the row's own table, where the expression reads no other row of it."""
_INTEGERS = frozenset({"smallint", "integer", "bigint"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Parent:
    """The table whose rows are embedded."""

    oid: int
    schema: str
    table: str
    keys: Sequence[KeyColumn]


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherTable:
    """Another table, as it was found.

    Attributes:
        columns: the columns that hold the key of the row; None where SQL leads there.
        types: the type of each of its columns.
    """

    oid: int
    schema: str
    table: str
    source: str
    reference: Reference
    columns: tuple[str, ...] | None
    types: dict[str, str] = field(hash=False)
    row_security: bool

    @property
    def place(self) -> str:
        """Its name for people."""
        return self.schema + "." + self.table


@dataclass(frozen=True, kw_only=True, slots=True)
class Joined:
    """A text over several tables as Postgres understands it; no `content` where columns are."""

    content: Understood | None
    dependencies: tuple[Dependency, ...]


class _Read(NamedTuple):
    """A table that an expression reads, as `dependencies.kept` finds it."""

    oid: int
    schema: str
    table: str
    kind: str
    columns: tuple[str, ...]
    times: int


class _Kept(NamedTuple):
    text: str
    reads: dict[int, _Read]


def understand_joined(
    connection: Connection, parent: Parent, expression: str | None, others: Sequence[OtherTable]
) -> Joined:
    """Return what Postgres makes of a text that is read from several tables.

    Raises:
        ExpressionError: it does not parse, is no text, is not the same each time, or reads a table
            that is not declared; or nothing leads from a table to the rows.
    """
    kept = None if expression is None else _Views(connection, parent).text(expression)
    if kept is not None:
        _check_declared(str(expression), kept, parent, others)
    dependencies = tuple(_dependency(connection, parent, one, kept) for one in others)
    content = None
    if kept is not None:
        own = kept.reads[parent.oid]
        content = Understood(kept.text, own.columns)
    return Joined(content=content, dependencies=dependencies)


def _check_declared(
    expression: str, kept: _Kept, parent: Parent, others: Sequence[OtherTable]
) -> None:
    declared = {one.oid for one in others}
    for read in kept.reads.values():
        itself = read.oid == parent.oid and read.times == _TIMES
        if read.oid in declared or itself:
            continue
        place = f"{read.schema}.{read.table}"
        if read.kind not in ("r", "p"):
            raise ExpressionError(
                f"{expression!r} reads {place}, which is no table, so its changes cannot be "
                "followed: read the tables that it is made of."
            )
        raise ExpressionError(
            f"{expression!r} reads {place}, and its changes would be missed: declare what leads "
            f'from it to a row, depends_on={{"{place}": "…"}} or --depends-on {place}=…: the '
            "column that holds the row's key."
        )


def _dependency(
    connection: Connection, parent: Parent, other: OtherTable, kept: _Kept | None
) -> Dependency:
    read = kept.reads.get(other.oid) if kept is not None else None
    if read is not None and other.oid == parent.oid and read.times == _TIMES:
        read = None  # the row itself is no other row
    if read is None:
        warnings.warn(
            EmbedDBWarning(
                f"The text reads nothing of {other.place} that can be seen, and depends_on names "
                "it: any change there has its rows read again. Leave it out, if no function reads "
                "it."
            ),
            stacklevel=2,
        )
    select = _reference(connection, parent, other)
    views = _Views(connection, other)
    led = views.parents(select, " ".join(other.columns or [select]))
    own = led.reads[other.oid].columns
    read_columns = tuple(other.types) if read is None else read.columns
    columns = tuple(dict.fromkeys((*own, *read_columns)))
    found = Dependency(
        source=other.source,
        reference=other.reference,
        schema=other.schema,
        table=other.table,
        parents_sql=led.text,
        parent_columns=own,
        columns=columns,
        types={name: other.types[name] for name in columns},
        row_security=other.row_security,
        is_foreign_key=_is_foreign_key(connection, parent, other),
    )
    _check_key(connection, parent, found)
    views.check_comparable(found)
    return found


def _reference(connection: Connection, parent: Parent, other: OtherTable) -> str:
    """Return the SELECT that leads from a row of another table to the keys of the rows."""
    if other.columns is None:
        assert isinstance(other.reference, str)
        head = other.reference.lstrip(" \t\n(")[:6].lower()
        is_query = head.startswith(("select", "with", "values"))
        if is_query:
            return other.reference
        return sql.SQL("SELECT {}").format(verbatim(other.reference)).as_string(connection)
    if len(other.columns) != len(parent.keys):
        raise ExpressionError(
            f"The key of {parent.schema}.{parent.table} is "
            f"{', '.join(key.name for key in parent.keys)}, and depends_on names "
            f"{', '.join(other.columns)} of {other.place}: name one column for each, in that order."
        )
    held = [sql.Identifier(other.table, name) for name in other.columns]
    kinds = [other.types[name] for name in other.columns]
    if all(_is_alike(kind, key.type) for kind, key in zip(kinds, parent.keys, strict=True)):
        return sql.SQL("SELECT {}").format(sql.SQL(", ").join(held)).as_string(connection)
    # equal values may be written otherwise, and only the row itself knows how its key is
    alias = "embeddb_parent"
    own = [sql.Identifier(alias, key.name) for key in parent.keys]
    same = (sql.SQL("{} = {}").format(*pair) for pair in zip(own, held, strict=True))
    select = sql.SQL("SELECT {} FROM {} AS {} WHERE {}").format(
        sql.SQL(", ").join(own),
        sql.Identifier(parent.schema, parent.table),
        sql.Identifier(alias),
        sql.SQL(" AND ").join(same),
    )
    return select.as_string(connection)


def _is_foreign_key(connection: Connection, parent: Parent, other: OtherTable) -> bool:
    if other.columns is None:
        return False
    kinds = [other.types[name] for name in other.columns]
    if not all(_is_alike(kind, key.type) for kind, key in zip(kinds, parent.keys, strict=True)):
        return False
    values = {
        "parent": parent.oid,
        "other": other.oid,
        "columns": list(other.columns),
        "keys": [key.name for key in parent.keys],
    }
    row = connection.execute(query("dependencies.is_foreign_key"), values).fetchone()
    return bool(row and row[0])


def _is_alike(kind: str, key: str) -> bool:
    """Return whether values of a type are written as those of a key's type are."""
    kind, key = base_type(kind), base_type(key)
    families = (_INTEGERS, STRING_TYPES)
    if any(kind in family and key in family for family in families):
        return True
    return kind == key and (key in EXACT_TYPES or key.startswith("timestamp"))


def _check_key(connection: Connection, parent: Parent, dependency: Dependency) -> None:
    """Check that what leads to the rows has as many columns as their key, of the same types."""
    place = f"{dependency.schema}.{dependency.table}"
    clause, _ = dependency_ddl.parents(
        dependency, len(parent.keys), sql.Identifier(dependency.schema, dependency.table)
    )
    statement = query("dependencies.parents", clause=_escaped(clause))
    with _explained(str(dependency.reference), place), connection.transaction():
        found = connection.execute(statement, {"rows": 0}).description or []
    if len(found) != len(parent.keys):
        raise ExpressionError(
            f"What leads from {place} to a row has {len(found)} columns, and the key of the row "
            f"has {len(parent.keys)}: select the key alone."
        )
    oids = [one.type_code for one in found]
    with plain_path(connection):
        rows = connection.execute(query("dependencies.type_names"), {"oids": oids}).fetchall()
    for (kind,), key in zip(rows, parent.keys, strict=True):
        if not (_is_alike(kind, key.type) or base_type(kind) == base_type(key.type)):
            raise ExpressionError(
                f"What leads from {place} to a row is of type {kind}, and column {key.name} of the "
                f"key is {key.type}: select that column itself, or cast to its type."
            )


class _Views:
    """Tries SQL over the rows of a table in temporary views, of which nothing is left."""

    def __init__(self, connection: Connection, table: Parent | OtherTable) -> None:
        self._connection = connection
        self._table = table
        self._place = f"{table.schema}.{table.table}"

    def text(self, expression: str) -> _Kept:
        """Return a text over a row, qualified, and what it reads."""
        return self._keep(expression, expression, is_text=True)

    def parents(self, select: str, written: str) -> _Kept:
        """Return a SELECT over a row, qualified, and what it reads."""
        kept = self._keep("EXISTS (" + select + "\n)", written, is_text=False)
        head, tail = _EXISTS
        if not (kept.text.startswith(head) and kept.text.endswith(tail)):
            raise ExpressionError(f"{select!r} is nothing that embeddb can read back: {kept.text}")
        return kept._replace(text=kept.text[len(head) : -len(tail)])

    def check_comparable(self, dependency: Dependency) -> None:
        """Check that Postgres can tell whether these columns changed."""
        table = SourceTable(
            schema=dependency.schema, table=dependency.table, keys=(), types=dependency.types
        )
        rest = [name for name in dependency.columns if name not in dependency.parent_columns]
        columns = [
            *map(Name, dependency.parent_columns),
            *(_escaped(part) for name in rest for part in comparable(table, name)),
        ]
        statement = query(
            "dependencies.compare",
            columns=sql.SQL(", ").join(columns),
            source=Name(dependency.schema, dependency.table),
        )
        with _explained(str(dependency.reference), self._place), self._connection.transaction():
            self._connection.execute(statement, {})

    def _keep(self, expression: str, written: str, *, is_text: bool) -> _Kept:
        found: list[_Kept] = []
        keep = query(
            "dependencies.keep",
            view=_VIEW,
            expression=fragment(expression),
            source=Name(self._table.schema, self._table.table),
            alias=Name(self._table.table),
        )
        with _explained(written, self._place), self._connection.transaction():
            self._connection.execute(keep, {})
            found.append(self._kept(written, is_text=is_text))
            raise psycopg.Rollback  # the view has served its purpose
        return found[0]

    def _kept(self, written: str, *, is_text: bool) -> _Kept:
        with plain_path(self._connection):
            row = self._connection.execute(
                query("dependencies.kept"), {"view": _VIEW.as_string(None)}
            ).fetchone()
        assert row is not None
        definition, count, oid, kind, whole, volatile, reads = row
        if count != 1:
            raise ExpressionError(
                f"{written!r} is {count} expressions, not one: join texts with || or concat_ws."
            )
        if is_text and oid not in _TEXTS:
            raise ExpressionError(
                f"{written!r} is of type {kind}, not text: cast it with ({written})::text."
            )
        if volatile:
            raise ExpressionError(
                f"{written!r} calls {', '.join(volatile)}, which gives another result each time: "
                "nobody could tell whether a row changed since it was encoded."
            )
        if whole:
            raise ExpressionError(f"{written!r} reads whole rows: name the columns that it needs.")
        text, found, _ = definition.partition(_COLUMN)
        if not (found and text.startswith(_SELECT)):
            raise ExpressionError(f"{written!r} is nothing that embeddb can read back: {text}")
        return _Kept(
            text[len(_SELECT) :],
            {
                oid: _Read(oid, schema, table, kind, tuple(columns), times)
                for oid, schema, table, kind, columns, times in reads
            },
        )


def _escaped(composed: sql.Composable) -> sql.Composable:
    """Return SQL for a statement with parameters."""
    return fragment(composed.as_string(None))


@contextmanager
def _explained(written: str, place: str) -> Iterator[None]:
    try:
        yield
    except pg.InsufficientPrivilege:
        raise
    except psycopg.Error as error:
        message = error.diag.message_primary or str(error)
        message = message.replace("in WHERE", "in such an expression")
        if "pseudo-type record" in message:
            message = "it is several expressions, not one; join texts with || or concat_ws"
        hint = " " + error.diag.message_hint if error.diag.message_hint else ""
        raise ExpressionError(
            f"{written!r} cannot be had of a row of {place}: {message}.{hint}"
        ) from error
