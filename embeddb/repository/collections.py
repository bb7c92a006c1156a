"""Collections in the catalog, and the tables and functions that each consists of."""

from __future__ import annotations

from typing import Any

from psycopg import errors as pg
from psycopg import sql
from psycopg.types.json import Jsonb

from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, query, script
from embeddb.errors import CollectionExistsError, CollectionNotFoundError, InvalidNameError
from embeddb.records import ModelInfo
from embeddb.repository.statement import Compiler, Wish, as_function_body
from embeddb.schema import indexes
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.names import Tables, check_name, tables
from embeddb.schema.storage import Storage


class Collections:
    """The catalog of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._schema = database.schema
        self._catalog: dict[str, sql.Composable] = {
            table: Name(self._schema, table)
            for table in ("models", "collections", "generations", "recall_history")
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
                collection_id = _one(
                    connection, "collections.add_collection", {"name": name}, **self._catalog
                )
            except pg.UniqueViolation as error:
                raise CollectionExistsError(
                    f"There is a collection {name!r} already: open it with "
                    f"store.collection({name!r}), or create it with exist_ok=True."
                ) from error
            self._add_generation(connection, collection_id, record)
            self._create_tables(connection, record)
            self.create_function(connection, record)
        return record

    def drop(self, name: str) -> None:
        """Remove a collection with everything in it.

        Raises:
            CollectionNotFoundError: there is none of that name.
        """
        record = self.get(name)
        with self._database.transaction() as connection:
            rows = connection.execute(
                query("collections.generation_tables", **self._catalog), {"name": name}
            ).fetchall()
            names = [row[0] for row in rows] + [record.tables.documents_name]
            for table in names:
                statement = query("collections.drop_table", table=Name(self._schema, table))
                connection.execute(statement, {})
            connection.execute(
                query(
                    "collections.drop_function",
                    function=Name(self._schema, record.tables.search_function),
                    vector=Name(self._database.vector_schema(), "vector"),
                ),
                {},
            )
            connection.execute(query("collections.remove", **self._catalog), {"name": name})

    def set_index(self, name: str, index: IndexSpec | None) -> None:
        """Remember which index a collection is to have."""
        value = indexes.to_json(index)
        with self._database.transaction() as connection:
            connection.execute(
                query("collections.set_index", **self._catalog),
                {"name": name, "index_spec": None if value is None else Jsonb(value)},
            )
            self.create_function(connection, self._read_on(connection, name)[0])

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
        for record in self._read_on(connection, None):
            self.create_function(connection, record)

    def create_function(self, connection: Connection, record: CollectionRecord) -> None:
        """Create the search function from the statements that the Python door sends too."""
        vector_schema = self._database.vector_schema()
        compiler = Compiler(record, schema=self._schema, vector_schema=vector_schema)
        bodies = {
            label: sql.Literal(
                as_function_body(
                    compiler.select(Wish(limit=None, filter=filtered, max_distance=True))
                )
            )
            for label, filtered in (("plain", False), ("filtered", True))
        }
        connection.execute(
            script(
                "templates",
                "search_function",
                function=sql.Identifier(self._schema, record.tables.search_function),
                vector=sql.Identifier(vector_schema, "vector"),
                vector_dims=sql.Identifier(vector_schema, "vector_dims"),
                names=sql.Literal(list(compiler.names())),
                dim=sql.Literal(record.generation.dim),
                **bodies,
            )
        )

    def _add_generation(
        self, connection: Connection, collection_id: int, record: CollectionRecord
    ) -> None:
        generation = record.generation
        index_spec = indexes.to_json(generation.index)
        connection.execute(
            query("collections.add_generation", **self._catalog),
            {
                "collection_id": collection_id,
                "number": generation.number,
                "model_id": self._add_model(connection, generation.model),
                "dim": generation.dim,
                "distance": generation.distance.label,
                "storage": generation.storage.label,
                "normalize": generation.normalize,
                "chunker": Jsonb(generation.chunker),
                "index_spec": None if index_spec is None else Jsonb(index_spec),
                "table_name": record.tables.chunks_name,
            },
        )

    def _add_model(self, connection: Connection, model: ModelInfo | None) -> int | None:
        if model is None:
            return None
        values = {field: getattr(model, field) for field in ModelInfo.__slots__}
        return _one(connection, "collections.add_model", values, **self._catalog)

    def _create_tables(self, connection: Connection, record: CollectionRecord) -> None:
        names = record.tables
        column = sql.SQL("{}({})").format(
            Name(self._database.vector_schema(), record.generation.storage.label),
            sql.Literal(record.generation.dim),
        )
        try:
            connection.execute(query("collections.create_documents", documents=names.documents), {})
            connection.execute(
                query("collections.create_chunks", chunks=names.chunks, type=column), {}
            )
        except pg.DuplicateTable as error:
            raise InvalidNameError(
                f"Schema {self._schema} has a table {record.name!r} that is no collection; "
                "choose another name."
            ) from error

    def _read(self, name: str | None) -> list[CollectionRecord]:
        with self._database.connection() as connection:
            return self._read_on(connection, name)

    def _read_on(self, connection: Connection, name: str | None) -> list[CollectionRecord]:
        rows = connection.execute(
            query("collections.list", **self._catalog), {"name": name}
        ).fetchall()
        return [_record(self._schema, row) for row in rows]


def _one(connection: Connection, name: str, values: dict[str, Any], **parts: sql.Composable) -> int:
    row = connection.execute(query(name, **parts), values).fetchone()
    assert row is not None  # each of these statements returns an id
    return int(row[0])


def _record(schema: str, row: tuple[Any, ...]) -> CollectionRecord:
    name, number, dim, distance, storage, normalize, chunker, index_spec, state, table = row[:10]
    model = ModelInfo(**dict(zip(_MODEL_FIELDS, row[10:], strict=True))) if row[10] else None
    return CollectionRecord(
        name=name,
        tables=Tables(schema=schema, documents_name=name, chunks_name=table),
        generation=Generation(
            number=number,
            dim=dim,
            distance=Distance.named(distance),
            storage=Storage.named(storage),
            model=model,
            normalize=normalize,
            chunker=chunker,
            index=indexes.from_json(index_spec),
            state=state,
        ),
    )


_MODEL_FIELDS = (
    "name",
    "revision",
    "fingerprint",
    "modality",
    "dim",
    "max_tokens",
    "query_prompt",
    "document_prompt",
    "normalized",
    "dtype",
)
