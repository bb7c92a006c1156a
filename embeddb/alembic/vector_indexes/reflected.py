"""Vector indexes that the database has, and how Postgres writes those that a model declares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from psycopg import sql
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from embeddb.alembic.vector_indexes.definition import VectorIndex, options_of, without_brackets
from embeddb.db.queries import statement, text_of

_CAST = re.compile(r"cast\((.*)as([a-z]+(?:\(\d+\))?)\)", re.S)


class ReflectedIndex(NamedTuple):
    """A vector index of the database."""

    definition: VectorIndex
    valid: bool


TableKey = tuple[str | None, str]
"""A schema, None for the connection's own one, and a table."""


def read(
    connection: Connection, schema: str | None = None
) -> dict[TableKey, dict[str, ReflectedIndex]]:
    """Return the vector indexes of a database, or of one schema, by table and name.

    A table that the search path finds is there without a schema too, as Alembic reflects it.
    """
    own = connection.dialect.default_schema_name
    found: dict[TableKey, dict[str, ReflectedIndex]] = {}
    for row in connection.execute(statement("vector_indexes.list"), {"schema": schema}).all():
        keys = {None if row[0] == own else row[0]}
        if schema is None and row[10]:
            keys.add(None)
        for key in keys:
            given = _index(key, tuple(row))
            found.setdefault((key, given.table), {})[given.name] = ReflectedIndex(given, row[3])
    return found


def _index(schema: str | None, row: Sequence[Any]) -> VectorIndex:
    column, expression, opclass, options, where = row[5:10]
    return VectorIndex(
        name=row[2],
        table=row[1],
        schema=schema,
        on=column or without_brackets(expression),
        is_column=column is not None,
        method=row[4],
        opclass=opclass,
        options=options_of(dict(option.split("=", 1) for option in options or ())),
        where=without_brackets(where) if where else None,
    )


def as_written(connection: Connection, wanted: Iterable[VectorIndex]) -> dict[str, VectorIndex]:
    """Return the indexes of one table as Postgres would write them, by name.

    Each is made on an empty temporary table of the same columns, read, and rolled back. One that
    cannot be made so is left out, for instance on a column that is still to come.
    """
    written: dict[str, VectorIndex] = {}
    for index in wanted:
        try:
            with connection.begin_nested() as savepoint:
                written[index.name] = _sketched(connection, index)
                savepoint.rollback()
        except DBAPIError:
            continue
    return written


def _sketched(connection: Connection, index: VectorIndex) -> VectorIndex:
    source = sql.Identifier(*filter(None, (index.schema, index.table)))
    sketch = replace(index, schema="pg_temp")
    name = sql.Identifier("pg_temp", index.table)
    connection.execute(statement("vector_indexes.sketch", sketch=name, table=source))
    connection.execute(text_of(sketch.create(concurrently=False)))
    schema = connection.execute(statement("vector_indexes.sketch_schema")).scalar_one()
    found = read(connection, schema)[schema, index.table][index.name].definition
    return replace(found, schema=index.schema)


def built_alike(wanted: VectorIndex, found: VectorIndex) -> bool:
    """Return whether two indexes are built alike; what they are on is compared as text."""
    return (
        wanted.method == found.method
        and wanted.built_with == found.built_with
        and _plain(wanted.opclass or _DEFAULT_OPCLASS) == _plain(found.opclass)
        and _plain(wanted.on) == _plain(found.on)
        and _plain(wanted.where) == _plain(found.where)
    )


_DEFAULT_OPCLASS = "vector_l2_ops"


def _plain(text: str | None) -> str:
    """Return an expression without what Postgres adds when it writes one."""
    plain = re.sub(r'[\s"]', "", (text or "").rpartition(".")[2] if _is_name(text) else text or "")
    plain = _CAST.sub(r"\1::\2", plain.lower())
    plain = re.sub(r"::(text|charactervarying|integer)\b", "", plain)
    return plain.replace("(", "").replace(")", "")


def _is_name(text: str | None) -> bool:
    return re.fullmatch(r"[\w.]+", text or "") is not None
