"""Collections in the catalog, and the tables and functions that each consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from psycopg import errors as pg
from psycopg import sql
from psycopg.types.json import Jsonb

from embeddb.db.database import Connection
from embeddb.db.queries import query
from embeddb.errors import (
    CollectionExistsError,
    GenerationChangedError,
)
from embeddb.records import ModelInfo, Vector
from embeddb.repository.catalog.reader import CatalogReader
from embeddb.repository.catalog.rows import (
    MODEL_FIELDS,
    generation_values,
    index_value,
)
from embeddb.repository.collections.chunks_view import ChunksView
from embeddb.repository.collections.functions import Functions
from embeddb.repository.collections.tables import CollectionTables
from embeddb.repository.indexes.ivfpq_tables import CodeTables, names_of
from embeddb.repository.roles.privileges import Privileges
from embeddb.schema import indexes
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.index_rules import check_hidden
from embeddb.schema.indexes import IVFPQ, IndexSpec
from embeddb.schema.names import Tables, check_beside, check_name, tables


class Collections(CatalogReader):
    """The catalog of one database, read and written, with the tables and functions behind it."""

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
            self.create_on(connection, record)
        return record

    def create_on(self, connection: Connection, record: CollectionRecord) -> None:
        """Create a collection in the caller's transaction, with documents of its own or a source.

        Raises:
            InvalidNameError: the name cannot be had.
            CollectionExistsError: there is such a collection.
        """
        found = connection.execute(query("collections.names", **self._catalog), {}).fetchall()
        check_beside(record.name, {row[0] for row in found})
        source = None if record.source is None else Jsonb(record.source.to_json())
        try:
            connection.execute(
                query("collections.add_collection", **self._catalog),
                {"name": record.name, "source": source},
            )
        except pg.UniqueViolation as error:
            raise CollectionExistsError(
                f"There is a collection {record.name!r} already: open it with "
                f"store.collection({record.name!r}), or create it with exist_ok=True."
            ) from error
        self._add_generation(connection, record)
        CollectionTables(self._database).create(connection, record)
        Functions(self._database).create(connection, record)

    def drop(self, name: str) -> None:
        """Remove a collection with everything in it.

        Raises:
            CollectionNotFoundError: there is none of that name.
        """
        records = self.generations(name)
        functions = Functions(self._database)
        with self._database.transaction() as connection:
            # first, as in everything that adds or removes a generation: so none of them deadlock
            connection.execute(query("generations.lock_active", **self._catalog), {"name": name})
            functions.drop_search(connection, records[0])
            ChunksView(self._database).drop(connection, records[0])
            for record in records:
                self._drop_generation(connection, record)
            CollectionTables(self._database).drop_documents(connection, records[0])
            connection.execute(query("attach.remove_jobs", **self._catalog), {"name": name})
            connection.execute(query("collections.remove", **self._catalog), {"name": name})

    def set_index(
        self, record: CollectionRecord, index: IndexSpec | None, thresholds: Vector | None = None
    ) -> CollectionRecord:
        """Store which index a generation is to have; return its record anew.

        Args:
            record: the generation; any index that it has must be dropped before.
            index: None for exact search.
            thresholds: of the index's codes, shape (levels, dim), where it is on such.
        """
        with self._database.transaction() as connection:
            return self.set_index_on(connection, record, index, thresholds)

    def set_index_on(
        self,
        connection: Connection,
        record: CollectionRecord,
        index: IndexSpec | None,
        thresholds: Vector | None = None,
    ) -> CollectionRecord:
        """Store which index a generation is to have, in the caller's transaction.

        Args and result are those of `set_index`.
        """
        check_hidden(record.source, index)
        changed = replace(record, generation=replace(record.generation, index=index))
        functions = Functions(self._database)
        connection.execute(
            query("collections.set_index", **self._catalog),
            {
                "name": record.name,
                "number": record.generation.number,
                "index_spec": index_value(index),
            },
        )
        codes = CodeTables(self._database, changed)
        if isinstance(index, IVFPQ):
            codes.create(connection)
        else:
            codes.drop(connection)
            functions.drop_lookup(connection, changed)
        functions.create_code(connection, changed, thresholds)
        functions.create_lookup(connection, changed)
        if record.generation.state == "active":
            functions.create_search(connection, changed)
        return changed

    def set_search_settings(self, record: CollectionRecord, index: IndexSpec) -> CollectionRecord:
        """Change how a generation's index is searched; return its record anew.

        The index stays as it was built, and so does what it depends on.

        Args:
            record: the generation.
            index: what it has, with another ef_search, probes or oversample.

        Raises:
            GenerationChangedError: it has another index, or is not there any more.
        """
        changed = replace(record, generation=replace(record.generation, index=index))
        key = {"name": record.name, "number": record.generation.number}
        with self._database.transaction() as connection:
            locked = query("recall.lock_generation", **self._catalog)
            row = connection.execute(locked, key).fetchone()
            if row is None or not _built_alike(indexes.from_json(row[0]), index):
                raise GenerationChangedError(
                    f"The index of collection {record.name!r} was changed by somebody else "
                    "meanwhile: open it again with store.collection(…), and repeat."
                )
            connection.execute(
                query("collections.set_index", **self._catalog),
                {**key, "index_spec": index_value(index)},
            )
            if record.generation.state == "active":
                Functions(self._database).create_search(connection, changed)
        return changed

    def sizes(self, record: CollectionRecord) -> tuple[int | None, int, int, int]:
        """Return the number of documents and of chunks, and the bytes of tables and of indexes.

        What an attached collection's source has is not among the bytes. Its documents are None
        where the view that reads them is gone.
        """
        if record.source is None:
            return self._sizes(record, record.tables.documents_name)
        with self._database.connection() as connection:
            try:
                count = query("documents.count", **_documents(record), condition=sql.SQL("true"))
                row = connection.execute(count, {}).fetchone()
            except pg.UndefinedTable:
                row = None
        return (None if row is None else row[0], *self._sizes(record, None)[1:])

    def _sizes(self, record: CollectionRecord, name: str | None) -> tuple[int, int, int, int]:
        """Return the same of both tables, or of the chunks alone, counted as documents too."""
        names = record.tables
        documents = names.documents if name else names.chunks
        measured = sql.Identifier(self._schema, name).as_string() if name else None
        with self._database.connection() as connection:
            row = connection.execute(
                query("collections.sizes", documents=documents, chunks=names.chunks),
                {
                    "documents": measured,
                    "chunks": sql.Identifier(self._schema, names.chunks_name).as_string(),
                    "codes": [
                        sql.Identifier(self._schema, name).as_string()
                        for name in names_of(names).values()
                    ],
                },
            ).fetchone()
        assert row is not None
        return row[0], row[1], row[2], row[3]

    def create_functions(self, connection: Connection) -> None:
        """Create the search function of every collection anew."""
        functions = Functions(self._database)
        for record in self._read_on(connection, None):
            functions.create_search(connection, record)
        Privileges(self._schema).renew(connection, self.generations_of_all(connection))

    def add_generation(
        self,
        record: CollectionRecord,
        generation: Generation,
        claim: Callable[[Tables], object] | None = None,
    ) -> CollectionRecord:
        """Create a collection's next generation, which nobody searches yet, and return it.

        Args:
            record: the collection.
            generation: what it is to be; its number is chosen here.
            claim: called before anybody else can see the generation.
        """
        with self._database.transaction() as connection:
            # a statement of its own: the next one then sees what it waited for
            connection.execute(
                query("generations.lock_active", **self._catalog), {"name": record.name}
            )
            number = _one(
                connection, "collections.next_number", {"name": record.name}, **self._catalog
            )
            made = CollectionRecord(
                name=record.name,
                tables=tables(self._schema, record.name, number),
                generation=replace(generation, number=number, state="building"),
                source=record.source,
            )
            if claim is not None:
                claim(made.tables)
            self._add_generation(connection, made)
            CollectionTables(self._database).create_chunks(connection, made, as_on=record)
            Functions(self._database).create(connection, made)
            Privileges(self._schema).follow(connection, made)
        return made

    def drop_generation(
        self, record: CollectionRecord, *, lock_timeout_ms: int | None = None
    ) -> bool:
        """Remove a generation with its table, unless it is active; return whether it is gone.

        Args:
            record: the generation.
            lock_timeout_ms: how long to wait for whoever is reading it; None: as long as it takes.
        """
        with self._database.transaction() as connection:
            if lock_timeout_ms is not None:
                limit = {"milliseconds": str(lock_timeout_ms)}
                connection.execute(query("generations.lock_timeout"), limit)
            active = connection.execute(
                query("generations.lock_active", **self._catalog), {"name": record.name}
            ).fetchone()
            if active is not None and active[0] == record.generation.number:
                return False
            self._drop_generation(connection, record)
        return True

    def _drop_generation(self, connection: Connection, record: CollectionRecord) -> None:
        connection.execute(query("collections.drop_table", table=record.tables.chunks), {})
        CodeTables(self._database, record).drop(connection)
        Functions(self._database).drop(connection, record)
        connection.execute(
            query("collections.remove_generation", **self._catalog),
            {"name": record.name, "number": record.generation.number},
        )
        self._hold_transforms(connection)
        connection.execute(query("transforms.remove_unused", **self._catalog), {})

    def _hold_transforms(self, connection: Connection) -> None:
        """Lock the transforms, so that one that is about to be used is not removed as unused."""
        key = {"key": self._schema + ".transforms"}
        connection.execute(query("transforms.lock"), key)

    def _add_generation(self, connection: Connection, record: CollectionRecord) -> None:
        self._hold_transforms(connection)
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


def _documents(record: CollectionRecord) -> dict[str, sql.Composable]:
    return {"documents": record.tables.documents}


def _one(connection: Connection, name: str, values: dict[str, Any], **parts: sql.Composable) -> int:
    row = connection.execute(query(name, **parts), values).fetchone()
    assert row is not None  # each of these statements returns an id
    return int(row[0])


_SEARCH_SETTINGS = ("ef_search", "probes", "oversample")
"""What of an index spec only a search looks at."""


def _built_alike(one: IndexSpec | None, other: IndexSpec) -> bool:
    """Return whether two specs are those of the same index, searched in different ways."""

    def built(index: IndexSpec | None) -> dict[str, Any]:
        return {
            name: value
            for name, value in (indexes.to_json(index) or {}).items()
            if name not in _SEARCH_SETTINGS
        }

    return built(one) == built(other)
