"""Collections in the catalog, and the tables and functions that each consists of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from psycopg import errors as pg
from psycopg import sql
from psycopg.types.json import Jsonb

from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, query
from embeddb.errors import CollectionExistsError, CollectionNotFoundError, InvalidNameError
from embeddb.records import ModelInfo, Vector
from embeddb.repository.catalog_rows import (
    MODEL_FIELDS,
    collection_record,
    generation_values,
    index_value,
)
from embeddb.repository.functions import Functions
from embeddb.schema import indexes
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.names import check_name, tables
from embeddb.schema.storage import Storage


class Collections:
    """The catalog of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._schema = database.schema
        self._catalog: dict[str, sql.Composable] = {
            table: Name(self._schema, table)
            for table in ("models", "collections", "generations", "transforms", "recall_history")
        }

    def all(self) -> list[CollectionRecord]:
        """Give every collection, by name."""
        return self._read(None)

    def get(self, name: str) -> CollectionRecord:
        """Find a collection.

        Raises:
            CollectionNotFoundError: there is none of that name; the message lists those there.
        """
        found = self._read(name)
        if found:
            return found[0]
        known = ", ".join(repr(record.name) for record in self.all()) or "none yet"
        raise CollectionNotFoundError(f"There is no collection {name!r}; there are: {known}.")

    def generations(self, name: str) -> list[CollectionRecord]:
        """Give every generation of a collection, the active one first.

        Raises:
            CollectionNotFoundError: there is none of that name.
        """
        active = self.get(name)
        with self._database.connection() as connection:
            found = self._read_on(connection, name, active_only=False)
        return sorted(found, key=lambda record: record != active)

    def create(self, name: str, generation: Generation) -> CollectionRecord:
        """Create tables and search function and enter them into the catalog, all or nothing.

        Raises:
            InvalidNameError: the name cannot be had.
            CollectionExistsError: there is such a collection.
        """
        record = CollectionRecord(
            name=check_name(name),
            tables=tables(self._schema, name, generation.number),
            generation=generation,
        )
        with self._database.transaction() as connection:
            try:
                connection.execute(
                    query("collections.add_collection", **self._catalog), {"name": name}
                )
            except pg.UniqueViolation as error:
                raise CollectionExistsError(
                    f"There is a collection {name!r} already: open it with "
                    f"store.collection({name!r}), or create it with exist_ok=True."
                ) from error
            self._add_generation(connection, record)
            self._create_tables(connection, record)
            Functions(self._database).create(connection, record)
        return record

    def drop(self, name: str) -> None:
        """Remove a collection with everything in it.

        Raises:
            CollectionNotFoundError: there is none of that name.
        """
        records = self.generations(name)
        functions = Functions(self._database)
        with self._database.transaction() as connection:
            functions.drop_search(connection, records[0])
            for record in records:
                self._drop_generation(connection, record)
            documents = query("collections.drop_table", table=records[0].tables.documents)
            connection.execute(documents, {})
            connection.execute(query("collections.remove", **self._catalog), {"name": name})

    def set_index(
        self, record: CollectionRecord, index: IndexSpec | None, thresholds: Vector | None = None
    ) -> CollectionRecord:
        """Remember which index a generation is to have, and give its record anew.

        Args:
            record: the generation; any index that it has must be dropped before.
            index: None for exact search.
            thresholds: of the index's codes, shape (levels, dim), where it is on such.
        """
        changed = replace(record, generation=replace(record.generation, index=index))
        functions = Functions(self._database)
        with self._database.transaction() as connection:
            connection.execute(
                query("collections.set_index", **self._catalog),
                {
                    "name": record.name,
                    "number": record.generation.number,
                    "index_spec": index_value(index),
                },
            )
            functions.create_code(connection, changed, thresholds)
            if record.generation.state == "active":
                functions.create_search(connection, changed)
        return changed

    def record_recall(self, record: CollectionRecord, values: dict[str, Any]) -> None:
        """Keep a measured recall in the history."""
        with self._database.transaction() as connection:
            connection.execute(
                query("collections.record_recall", **self._catalog),
                {
                    **values,
                    "name": record.name,
                    "generation": record.generation.number,
                    "settings": Jsonb(indexes.to_json(record.generation.index) or {}),
                },
            )

    def sizes(self, record: CollectionRecord) -> tuple[int, int, int, int]:
        """Count documents and chunks, and the bytes of tables and of indexes."""
        names = record.tables
        with self._database.connection() as connection:
            row = connection.execute(
                query("collections.sizes", documents=names.documents, chunks=names.chunks),
                {
                    "documents": sql.Identifier(self._schema, names.documents_name).as_string(),
                    "chunks": sql.Identifier(self._schema, names.chunks_name).as_string(),
                },
            ).fetchone()
        assert row is not None
        return row[0], row[1], row[2], row[3]

    def create_functions(self, connection: Connection) -> None:
        """Create the search function of every collection anew."""
        functions = Functions(self._database)
        for record in self._read_on(connection, None):
            functions.create_search(connection, record)

    def add_generation(self, record: CollectionRecord, generation: Generation) -> CollectionRecord:
        """Create the table of a collection's next generation; nobody searches it yet.

        Args:
            record: the collection.
            generation: what it is to be; its number is chosen here.
        """
        with self._database.transaction() as connection:
            number = _one(
                connection, "collections.next_number", {"name": record.name}, **self._catalog
            )
            made = CollectionRecord(
                name=record.name,
                tables=tables(self._schema, record.name, number),
                generation=replace(generation, number=number, state="building"),
            )
            self._add_generation(connection, made)
            self._create_chunks(connection, made)
            Functions(self._database).create(connection, made)
        return made

    def drop_generation(
        self, record: CollectionRecord, *, lock_timeout_ms: int | None = None
    ) -> None:
        """Remove a generation that is not the active one, with its table.

        Args:
            record: the generation.
            lock_timeout_ms: how long to wait for whoever is reading it; None: as long as it takes.
        """
        with self._database.transaction() as connection:
            if lock_timeout_ms is not None:
                limit = {"milliseconds": str(lock_timeout_ms)}
                connection.execute(query("generations.lock_timeout"), limit)
            self._drop_generation(connection, record)

    def _drop_generation(self, connection: Connection, record: CollectionRecord) -> None:
        connection.execute(query("collections.drop_table", table=record.tables.chunks), {})
        Functions(self._database).drop(connection, record)
        connection.execute(
            query("collections.remove_generation", **self._catalog),
            {"name": record.name, "number": record.generation.number},
        )
        connection.execute(query("transforms.remove_unused", **self._catalog), {})

    def _add_generation(self, connection: Connection, record: CollectionRecord) -> None:
        connection.execute(
            query("collections.add_generation", **self._catalog),
            {
                **generation_values(record),
                "name": record.name,
                "model_id": self._add_model(connection, record.generation.model),
            },
        )

    def _add_model(self, connection: Connection, model: ModelInfo | None) -> int | None:
        if model is None:
            return None
        values = {field: getattr(model, field) for field in MODEL_FIELDS}
        return _one(connection, "collections.add_model", values, **self._catalog)

    def _create_tables(self, connection: Connection, record: CollectionRecord) -> None:
        documents = query("collections.create_documents", documents=record.tables.documents)
        try:
            connection.execute(documents, {})
            self._create_chunks(connection, record)
        except pg.DuplicateTable as error:
            raise InvalidNameError(
                f"Schema {self._schema} has a table {record.name!r} that is no collection; "
                "choose another name."
            ) from error

    def _create_chunks(self, connection: Connection, record: CollectionRecord) -> None:
        column = self._vector_column(record.generation)
        statement = query(
            "collections.create_chunks", chunks=record.tables.chunks, embedding=column
        )
        connection.execute(statement, {})

    def _vector_column(self, generation: Generation) -> sql.Composable:
        dim = sql.Literal(generation.stored_dim)
        if generation.storage is Storage.INT8:
            return query("collections.int8_column", dim=dim)
        kind: sql.Composable = sql.SQL("bit")
        if generation.storage is not Storage.BIT:
            kind = Name(self._database.vector_schema(), generation.storage.label)
        return query("collections.vector_column", type=sql.SQL("{}({})").format(kind, dim))

    def _read(self, name: str | None) -> list[CollectionRecord]:
        with self._database.connection() as connection:
            return self._read_on(connection, name)

    def _read_on(
        self, connection: Connection, name: str | None, *, active_only: bool = True
    ) -> list[CollectionRecord]:
        rows = connection.execute(
            query("collections.list", **self._catalog), {"name": name, "active": active_only}
        ).fetchall()
        return [collection_record(self._schema, row) for row in rows]


def _one(connection: Connection, name: str, values: dict[str, Any], **parts: sql.Composable) -> int:
    row = connection.execute(query(name, **parts), values).fetchone()
    assert row is not None  # each of these statements returns an id
    return int(row[0])
