"""Collections as a SQLAlchemy connection reads them, whatever its driver."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from psycopg import sql

from embeddb.db.queries import Name, query, statement
from embeddb.repository.catalog.rows import collection_record
from embeddb.schema.catalog import CollectionRecord

_JSON = frozenset({"chunker", "index_spec", "wanted", "layout", "source"})
"""Columns of the catalog that a driver may give as text."""


class Place(NamedTuple):
    """Where a table is."""

    schema: str
    table: str


def read_records(
    connection: sa.Connection, schema: str, name: str | None = None
) -> list[CollectionRecord]:
    """Return collections with their active generations, all of them or the one of a name."""
    listed = statement("collections.list", **_tables(schema))
    result = connection.execute(listed, {"name": name, "active": True})
    names = list(result.keys())
    return [_record(schema, names, row) for row in result]


def read_record_beside(
    connection: sa.Connection, schema: str, name: str, table: str
) -> tuple[CollectionRecord, Place | None] | None:
    """Return a collection, and the place of a table as this session finds it; None: no collection.

    The place is None where the name stands for no ordinary table. Both are read at once, because
    every search asks for them.

    Args:
        connection: the connection.
        schema: embeddb's schema.
        name: the collection's name.
        table: the table, as SQL names it.
    """
    listed = query("collections.list", **_tables(schema))
    beside = statement("attach.list_beside", listed=listed, place=query("attach.place"))
    result = connection.execute(beside, {"name": name, "active": True, "table": table})
    names = list(result.keys())
    row = result.first()
    if row is None:
        return None
    place = Place(*row[-2:]) if row[-1] is not None else None
    return _record(schema, names[:-2], row[:-2]), place


def read_place(connection: sa.Connection, table: str) -> Place | None:
    """Return where a table is, as this session finds it; None: it stands for no ordinary table."""
    row = connection.execute(statement("attach.place"), {"table": table}).first()
    return None if row is None else Place(*row)


def read_vector_schema(connection: sa.Connection) -> str:
    """Return the schema that pgvector is in."""
    found: str = connection.execute(statement("server.vector_schema")).scalar_one()
    return found


def _tables(schema: str) -> dict[str, sql.Composable]:
    tables = ("collections", "generations", "models", "transforms")
    return {table: Name(schema, table) for table in tables}


def _record(schema: str, names: Sequence[str], row: Sequence[Any]) -> CollectionRecord:
    return collection_record(schema, tuple(map(_plain, names, row)))


def _plain(key: str, value: Any) -> Any:  # noqa: ANN401  # what the driver gave
    return json.loads(value) if key in _JSON and isinstance(value, str) else value
