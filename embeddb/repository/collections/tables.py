"""The tables of a collection: its documents, or a view of them, and a generation's chunks."""

from __future__ import annotations

from psycopg import errors as pg
from psycopg import sql

from embeddb.db.database import Connection, TransactionSource
from embeddb.db.queries import Name, query
from embeddb.errors import InvalidNameError
from embeddb.repository.collections.layout_tables import create_partitions, layout_columns
from embeddb.repository.indexes.ivfpq_tables import CodeTables
from embeddb.schema import attached_ddl
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.index_rules import check_hidden
from embeddb.schema.indexes import IVFPQ
from embeddb.schema.storage import Storage


class CollectionTables:
    """Creates and drops them, in the caller's transactions."""

    def __init__(self, database: TransactionSource) -> None:
        self._database = database
        self._schema = database.schema

    def create(self, connection: Connection, record: CollectionRecord) -> None:
        """Create both tables of a collection, or a view in the place of its documents."""
        try:
            if record.source is not None:
                for statement in (*attached_ddl.key_functions(record), attached_ddl.view(record)):
                    connection.execute(statement)
            else:
                names = record.tables
                create = query("collections.create_documents", documents=names.documents)
                connection.execute(create, {})
                if record.generation.model is not None:  # or nothing is ever encoded
                    index = query("collections.index_content", documents=names.documents)
                    connection.execute(index, {})
            self.create_chunks(connection, record)
        except pg.DuplicateTable as error:
            raise InvalidNameError(
                f"Schema {self._schema} has a table {record.name!r} that is no collection; "
                "choose another name."
            ) from error

    def create_chunks(
        self,
        connection: Connection,
        record: CollectionRecord,
        as_on: CollectionRecord | None = None,
    ) -> None:
        """Create the table of a generation's chunks, and what its layout and its index need."""
        check_hidden(record.source, record.generation.index)
        column = self._vector_column(record.generation)
        statement = query(
            "collections.create_chunks",
            chunks=record.tables.chunks,
            embedding=column,
            keys=attached_ddl.key_columns(record),
            **layout_columns(record.generation.layout),
        )
        connection.execute(statement, {})
        create_partitions(connection, record)
        if record.source is not None and record.source.row_security:
            connection.execute(attached_ddl.policy(record))
        if as_on is not None:
            self._grant(connection, as_on, record)
        if isinstance(record.generation.index, IVFPQ):
            CodeTables(self._database, record).create(connection)

    def drop_documents(self, connection: Connection, record: CollectionRecord) -> None:
        """Drop the documents where they are embeddb's own, and what reads them where not."""
        if record.source is None:
            drop = query("collections.drop_table", table=record.tables.documents)
            connection.execute(drop, {})
            return
        connection.execute(query("attach.drop_view", view=record.tables.documents), {})
        for name in attached_ddl.follower_names(record):
            function = Name(self._schema, name)
            connection.execute(query("attach.drop_trigger_function", function=function), {})
        for position in range(len(record.source.keys)):
            function = Name(self._schema, record.tables.key_function(position))
            connection.execute(query("attach.drop_key_function", function=function), {})

    def _grant(
        self, connection: Connection, source: CollectionRecord, target: CollectionRecord
    ) -> None:
        """Grant everybody the privileges that they have on another generation's table."""
        held = connection.execute(
            query("ivfpq.grants"), {"schema": self._schema, "chunks": source.tables.chunks_name}
        ).fetchall()
        for privilege, role in held:
            connection.execute(
                query(
                    "generations.grant",
                    target=target.tables.chunks,
                    privilege=sql.SQL(privilege),
                    grantee=sql.SQL("PUBLIC") if role is None else Name(role),
                ),
                {},
            )

    def _vector_column(self, generation: Generation) -> sql.Composable:
        dim = sql.Literal(generation.stored_dim)
        if generation.storage is Storage.INT8:
            return query("collections.int8_column", dim=dim)
        kind: sql.Composable = sql.SQL("bit")
        if generation.storage is not Storage.BIT:
            kind = Name(self._database.vector_schema(), generation.storage.label)
        return query("collections.vector_column", type=sql.SQL("{}({})").format(kind, dim))
