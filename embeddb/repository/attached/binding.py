"""Whether the table that a collection follows still has the key that it was attached by."""

from __future__ import annotations

from psycopg import sql

from embeddb.db.database import Connection
from embeddb.db.queries import query
from embeddb.errors import SourceChangedError
from embeddb.schema.attached_ddl import source_of, table
from embeddb.schema.catalog import CollectionRecord


def changed_key(connection: Connection, record: CollectionRecord) -> str | None:
    """Return how the primary key differs from the one attached by, as a sentence; None: not.

    A column that was only renamed is the same one: the view still reads it.
    """
    view = sql.Identifier(record.tables.schema, record.tables.documents_name).as_string()
    source = source_of(record)
    others = [sql.Identifier(one.schema, one.table).as_string() for one in source.dependencies]
    values = {"view": view, "source": table(source).as_string(), "others": others}
    row = connection.execute(query("attached.key"), values).fetchone()
    if row is None:
        return None
    now, columns = row
    before = [key.name for key in source.keys]
    same = len(now) == len(before) and all(
        old == new or old not in columns for old, new in zip(before, now, strict=True)
    )
    if same:
        return None
    found = f"({', '.join(now)})" if now else "gone"
    return (
        f"The primary key of {source.table_text} is {found} now, and collection {record.name!r} "
        f"was attached by ({', '.join(before)}): what belongs to which row is not known. Detach "
        f"it, embeddb detach '{record.name}', and attach it anew."
    )


def check_key(connection: Connection, record: CollectionRecord) -> None:
    """Check that the table has the primary key that the collection was attached by.

    Raises:
        SourceChangedError: it has another one, or none.
    """
    changed = changed_key(connection, record)
    if changed is not None:
        raise SourceChangedError(changed)


def check_view(connection: Connection, record: CollectionRecord) -> None:
    """Check that the view that reads the rows is there.

    Raises:
        SourceChangedError: it was dropped, by itself or with a column or the table that it read.
    """
    tables = record.tables
    named = {"schema": tables.schema, "name": tables.documents_name}
    row = connection.execute(query("collections.exists"), named).fetchone()
    if row is None or not row[0]:
        view, place = tables.schema + "." + tables.documents_name, source_of(record).table_text
        raise SourceChangedError(
            f"View {view} is gone, as after DROP … CASCADE of a column of {place}, or of the "
            f"table: attach again, embeddb attach {place} --name '{record.name}' --exist-ok …, or "
            f"give the collection up: embeddb detach '{record.name}'"
        )
