"""Reading documents and the vectors of their chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from psycopg import errors as pg
from psycopg import sql

from embeddb.db.boundary import translated
from embeddb.db.database import Database
from embeddb.db.queries import Name, query
from embeddb.db.rendering import Expression, Written, as_text
from embeddb.db.vectors import from_binary
from embeddb.errors import DatabaseError, DatabaseUnavailableError
from embeddb.records import Document, Vector
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.keys import equal_keys, is_asked_for, key_value_of, read_alike
from embeddb.schema.vector_expressions import Vectors

IDS_PER_QUERY = 10_000


class Known(NamedTuple):
    """What is stored of a document, to tell whether it changed."""

    content_hash: bytes
    metadata: dict[str, Any]
    uri: str | None
    source_id: int | None = None


class DocumentReader:
    """Reads the tables of one collection's generation, as a rule the active one."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        self._database = database
        self._record = record
        self._generation = record.generation
        self._names: dict[str, sql.Composable] = {
            "documents": record.tables.documents,
            "chunks": record.tables.chunks,
        }

    def is_empty(self) -> bool:
        """Return whether there is no document."""
        return bool(self._rows("documents.is_empty", {})[0][0])

    def known(self, ids: Sequence[str]) -> dict[str, Known]:
        """Return what is stored of these documents."""
        rows = self._rows("documents.known", {"ids": list(ids)})
        return {row[0]: Known(*row[1:]) for row in rows}

    def same_content(self, hashes: Sequence[bytes]) -> list[str]:
        """Return the id of one document with each of these contents, where there is one."""
        return [row[0] for row in self._rows("documents.same_content", {"hashes": list(hashes)})]

    def chunk_vectors(self, ids: Sequence[str]) -> dict[bytes, Vector]:
        """Return the stored vectors of these documents' chunks by the hash of their text."""
        rows = self._rows("documents.chunk_vectors", {"ids": list(ids)}, vector=self._sent)
        vectors = self._vectors([row[1] for row in rows])
        return {row[0]: vector for row, vector in zip(rows, vectors, strict=True)}

    def get(self, ids: Sequence[str]) -> list[Document]:
        """Return the documents of these ids that are there, in the order of `ids`."""
        found: dict[str, Document] = {}
        asked_for: sql.Composable = sql.SQL("d.id = ANY (%(ids)s)")
        if self._record.source is not None:
            asked_for = is_asked_for(self._record.source)
        for start in range(0, len(ids), IDS_PER_QUERY):
            values = {"ids": list(ids[start : start + IDS_PER_QUERY])}
            rows = self._rows("documents.get", values, asked_for=asked_for)
            found |= {row[0]: _document(row) for row in rows}
        return [found[id] for id in dict.fromkeys(ids) if id in found]

    def first_vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Return the vector of each document's first chunk."""
        rows = self._rows("documents.first_vectors", {"ids": list(ids)}, vector=self._sent)
        vectors = self._vectors([row[1] for row in rows])
        return {row[0]: vector for row, vector in zip(rows, vectors, strict=True)}

    def stored_ids(self, ids: Sequence[str]) -> list[str]:
        """Return the ids under which documents of equal keys are stored, each its own by default.

        Equal keys are written in several ways where the type says so, as citext does.
        """
        source = self._record.source
        if source is None or read_alike(source.keys):
            return list(ids)
        values = [key_value_of(source, place, Name("k", "id")) for place in range(len(source.keys))]
        equal = equal_keys(source.keys, "c", values)
        try:
            rows = self._rows("documents.equal_ids", {"ids": list(ids)}, equal=equal)
        except DatabaseError as error:
            if not isinstance(error.__cause__, pg.DataError):
                raise
            return list(ids)  # one is no value of the type: it is nobody's key
        found: dict[str, str] = {row[0]: row[1] for row in rows}
        return [found.get(id, id) for id in ids]

    def mean_vector(self, id: str) -> Vector | None:
        """Return the mean of a document's stored vectors; None where there is no such document."""
        rows = self._rows("documents.chunk_vectors", {"ids": [id]}, vector=self._sent)
        if not rows:
            return None
        mean: Vector = self._vectors([row[1] for row in rows]).mean(axis=0)
        return mean

    def peek(self, limit: int) -> list[Document]:
        """Return a few documents."""
        return [_document(row) for row in self._rows("documents.peek", {"limit": limit})]

    def sample(self, limit: int) -> tuple[list[tuple[str, int]], Vector]:
        """Return chunks drawn at random: their keys, and their vectors of shape (n, dim)."""
        rows = self._rows("documents.sample_vectors", {"limit": limit}, vector=self._sent)
        return [(row[0], row[1]) for row in rows], self._vectors([row[2] for row in rows])

    def count(self, condition: Expression | None, values: dict[str, Any]) -> int:
        """Return the number of documents that pass a condition."""
        return self._conditional("documents.count", condition, values)

    def count_chunks(self) -> int:
        """Return the number of chunks."""
        return self._conditional("documents.count_chunks", None, {})

    def ids_of_source(self, source: int | None) -> Iterator[str]:
        """Yield the ids of what a source brought, or of what none did, by a server-side cursor."""
        statement = query("documents.ids_of_source", **self._names)
        with (
            self._database.dedicated() as connection,
            translated(),
            connection.transaction(),
            connection.cursor("embeddb_ids") as cursor,
        ):
            cursor.itersize = IDS_PER_QUERY
            for row in cursor.execute(statement, {"source": source}):
                yield row[0]

    def _conditional(self, name: str, condition: Expression | None, values: dict[str, Any]) -> int:
        if condition is None:
            rows = self._rows(name, {}, condition=sql.SQL("true"))
            return int(rows[0][0])
        text, given = as_text(condition)
        rows = self._rows(name, {**given, **values}, condition=Written(text))
        return int(rows[0][0])

    def _rows(
        self, name: str, values: dict[str, Any], **names: sql.Composable
    ) -> list[tuple[Any, ...]]:
        statement = query(name, **self._names, **names)
        try:
            with self._database.connection() as connection:
                return connection.execute(statement, values).fetchall()
        except DatabaseUnavailableError:  # a read may be repeated, on another connection
            with self._database.connection() as connection:
                return connection.execute(statement, values).fetchall()

    @cached_property
    def _sent(self) -> sql.Composable:
        return Written(as_text(Vectors.of(self._record, self._database).sent("c"))[0])

    def _vectors(self, values: list[bytes]) -> Vector:
        kind = self._generation.storage.compared_as
        return from_binary(values, kind, self._generation.stored_dim)


def _document(row: tuple[Any, ...]) -> Document:
    return Document(id=row[0], content=row[1], metadata=row[2], uri=row[3], media_type=row[4])
