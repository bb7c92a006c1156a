"""Collections as a SQLAlchemy connection reads them, whatever its driver."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from psycopg import sql

from embeddb.db.queries import Name, statement
from embeddb.repository.catalog.rows import collection_record
from embeddb.schema.catalog import CollectionRecord

_JSON = frozenset({"chunker", "index_spec", "wanted", "layout", "source"})
"""Columns of the catalog that a driver may give as text."""


def read_records(
    connection: sa.Connection, schema: str, name: str | None = None
) -> list[CollectionRecord]:
    """Return collections with their active generations, all of them or the one of a name."""
    tables: dict[str, sql.Composable] = {
        table: Name(schema, table)
        for table in ("collections", "generations", "models", "transforms")
    }
    listed = statement("collections.list", **tables)
    result = connection.execute(listed, {"name": name, "active": True})
    names = list(result.keys())
    return [collection_record(schema, tuple(map(_plain, names, row))) for row in result]


def read_vector_schema(connection: sa.Connection) -> str:
    """Return the schema that pgvector is in."""
    found: str = connection.execute(statement("server.vector_schema")).scalar_one()
    return found


def _plain(key: str, value: Any) -> Any:  # noqa: ANN401  # what the driver gave
    return json.loads(value) if key in _JSON and isinstance(value, str) else value
