"""The view of a collection's chunks, by which SQL reads them whichever generation is active."""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

from psycopg import sql

from embeddb.db.database import Connection, TransactionSource
from embeddb.db.queries import query, script, verbatim
from embeddb.db.rendering import as_function_body
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.vector_expressions import Vectors

MARK = "embeddb: the chunks of"
"""How the comment on a view of embeddb's begins. A relation without it is somebody else's."""

ViewState: TypeAlias = Literal["right", "missing", "outdated", "foreign", "unsupported"]


class ChunksView:
    """Creates and drops it, in the caller's transactions."""

    def __init__(self, database: TransactionSource) -> None:
        self._schema = database.schema
        self._database = database

    def create(self, connection: Connection, record: CollectionRecord) -> None:
        """Create the view, or point it at this generation; a relation not embeddb's stays."""
        connection.execute(
            script(
                "templates",
                "chunks_view",
                **self._names(record),
                chunks=sql.Identifier(self._schema, record.tables.chunks_name),
                columns=self._columns(record),
                comment=sql.Literal(self._comment(record)),
            )
        )

    def drop(self, connection: Connection, record: CollectionRecord) -> None:
        """Drop the view, if it is there."""
        connection.execute(script("templates", "chunks_view_drop", **self._names(record)))

    def state(self, connection: Connection, record: CollectionRecord) -> ViewState:
        """Return whether the view is there and shows this generation."""
        row = connection.execute(
            query("collections.chunks_view"),
            {"view": record.tables.chunks_view_text},
        ).fetchone()
        assert row is not None  # it has no FROM that could be empty
        supported, kind, comment = row
        if not supported:
            return "unsupported"
        if kind is None:
            return "missing"
        if kind != "v" or not (comment or "").startswith(MARK):
            return "foreign"
        return "right" if comment == self._comment(record) else "outdated"

    def _names(self, record: CollectionRecord) -> dict[str, sql.Composable]:
        return {
            "view": sql.Identifier(self._schema, record.tables.chunks_view),
            "view_text": sql.Literal(record.tables.chunks_view_text),
            "mark": sql.Literal(MARK),
        }

    def _comment(self, record: CollectionRecord) -> str:
        """Return the comment of a view that is right: any other definition has another one."""
        written = self._columns(record).as_string(None) + record.tables.chunks_text
        digest = hashlib.sha256(written.encode()).hexdigest()[:12]
        return MARK + " the active generation, definition " + digest

    def _columns(self, record: CollectionRecord) -> sql.Composed:
        """Return the columns of the view. A new one goes to the end, or replacing it fails."""
        keys = record.source.keys if record.source else ()
        vectors = Vectors(record, schema=self._schema, vector_schema=self._database.vector_schema())
        columns: list[tuple[str, sql.Composable]] = [
            *((key.listed_name, sql.Identifier("c", key.chunk_name)) for key in keys),
            *(() if keys else (("id", sql.Identifier("c", "id")),)),
            ("chunk_no", sql.Identifier("c", "chunk_no")),
            ("content", sql.Identifier("c", "content")),
            ("embedding", verbatim(as_function_body(vectors.whole("c")))),
            ("location", sql.Identifier("c", "location")),
        ]
        return sql.SQL(",\n           ").join(
            sql.SQL("{} AS {}").format(written, sql.Identifier(name)) for name, written in columns
        )
