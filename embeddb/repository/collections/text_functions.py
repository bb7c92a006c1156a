"""The function that searches a collection by a text, beside the one that does by a vector."""

from __future__ import annotations

from psycopg import sql

from embeddb.db.database import Connection, TransactionSource
from embeddb.db.queries import Name, query, script, verbatim
from embeddb.schema.attached import KeyColumn
from embeddb.schema.catalog import CollectionRecord


class TextFunctions:
    """Creates and drops the search by a text; a collection without a model has none."""

    def __init__(self, database: TransactionSource) -> None:
        self._schema = database.schema
        self._vector_schema = database.vector_schema()

    def create(self, connection: Connection, record: CollectionRecord) -> None:
        """Create it; it calls the search by a vector, which must be there."""
        if record.generation.model is None:
            self.drop(connection, record)
            return
        vector = sql.Identifier(self._vector_schema, "vector")
        embedding: sql.Composable = sql.SQL("q.embedding::{}").format(vector)
        if record.generation.normalize:
            scale = sql.Identifier(self._vector_schema, "l2_normalize")
            embedding = sql.SQL("{}({})").format(scale, embedding)
        connection.execute(
            script(
                "templates",
                "search_text_function",
                function=sql.Identifier(self._schema, record.tables.search_function),
                key=_key_columns(record),
                vector=vector,
                embedding=embedding,
                encode_query=sql.Identifier(self._schema, "encode_query"),
                collection=sql.Literal(record.name),
            )
        )

    def drop(self, connection: Connection, record: CollectionRecord) -> None:
        """Drop it, if it is there."""
        function = Name(self._schema, record.tables.search_function)
        connection.execute(query("collections.drop_text_search", function=function), {})


def _key_columns(record: CollectionRecord) -> sql.Composable:
    """Return the key's columns as the search by a vector has them: the source's own, or an id."""
    keys = record.source.keys if record.source else (KeyColumn(name="id", type="text"),)
    return sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(key.search_name), verbatim(key.type)) for key in keys
    )
