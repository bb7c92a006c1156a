"""Documents and their chunks: one transaction a batch, binary COPY in, set-based SQL after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import orjson
from psycopg import sql

from embeddb.db import copy
from embeddb.db.database import Connection, Database
from embeddb.db.queries import query
from embeddb.db.rendering import Expression, Written, as_text
from embeddb.db.vectors import chunk_fields
from embeddb.errors import GenerationChangedError, SourceConflictError
from embeddb.records import Vector
from embeddb.repository.collections.document_reader import IDS_PER_QUERY, DocumentReader
from embeddb.repository.collections.writers import join_writers
from embeddb.repository.indexes.ivfpq import Codes
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.layouts import Layout
from embeddb.schema.storage import Storage

DOCUMENT_COLUMNS = (
    "id",
    "content",
    "metadata",
    "uri",
    "media_type",
    "content_hash",
    "source_id",
)


def chunk_columns(storage: Storage, layout: Layout | None) -> tuple[str, ...]:
    """Return the columns of a chunk in the order in which they are copied.

    The fields of fixed size stand first, so that they are laid out for all rows at once.
    """
    scale = ("scale",) if storage is Storage.INT8 else ()
    part = () if layout is None else ("part",)
    return (
        "chunk_no",
        "span",
        "content_hash",
        "embedding",
        *scale,
        "id",
        "content",
        "location",
        *part,
    )


class ReadyChunk(NamedTuple):
    """A chunk whose vector is the next row of its batch.

    Attributes:
        data: its text in UTF-8.
        content_hash: of the text, together with its context.
        location: where in the document it stands, as JSON; None where nothing is known of it.
        context: what is put before the text when it is encoded.
    """

    data: bytes | None
    span: tuple[int, int]
    content_hash: bytes
    location: bytes | None = None
    context: str = ""


@dataclass(slots=True)
class ReadyDocument:
    """A document as it is written; text is in UTF-8, `metadata` is JSON.

    Attributes:
        part: what the field that the collection is laid out by says, where there is one.
        title: what stands first in the contexts of its chunks.
        source_id: the source that it belongs to from now on; None keeps the one that is stored.
        taken_from: the source that it belonged to, where that is another one.
    """

    id: str
    id_data: bytes
    data: bytes | None
    metadata: bytes
    uri: str | None
    media_type: str | None
    content_hash: bytes
    chunks: Sequence[ReadyChunk] = ()
    part: str = ""
    title: str | None = None
    source_id: int | None = None
    taken_from: int | None = None


@dataclass(kw_only=True, slots=True)
class Batch:
    """Documents to write in one transaction, and the vectors of all their chunks in order.

    Attributes:
        metadata_changes: documents of which only the metadata is written.
        adopted: unchanged documents that belong to another source from now on.
    """

    documents: list[ReadyDocument]
    vectors: Vector
    metadata_changes: list[ReadyDocument] = field(default_factory=list)
    adopted: list[ReadyDocument] = field(default_factory=list)

    @property
    def numbers(self) -> list[int]:
        """The number of each chunk in its document."""
        return [number for document in self.documents for number in range(len(document.chunks))]

    @property
    def ids(self) -> list[str]:
        """The ids of all that is written in some way."""
        every = (self.documents, self.metadata_changes, self.adopted)
        return [document.id for documents in every for document in documents]

    def part(self, start: int, stop: int) -> Batch:
        """Return what is written of the ids from `start` to before `stop`."""
        documents = self.documents[start:stop]
        row = sum(len(document.chunks) for document in self.documents[:start])
        rows = sum(len(document.chunks) for document in documents)
        changes = len(self.documents)
        adopted = changes + len(self.metadata_changes)
        return Batch(
            documents=documents,
            vectors=self.vectors[row : row + rows],
            metadata_changes=self.metadata_changes[_between(start, stop, changes)],
            adopted=self.adopted[_between(start, stop, adopted)],
        )


@dataclass(kw_only=True, slots=True)
class Chunks:
    """Chunks as columns: row i of `vectors` (n, dim) is the vector of the i-th of each."""

    ids: list[str]
    numbers: list[int]
    contents: list[bytes | None]
    spans: list[tuple[int, int]]
    hashes: list[bytes]
    vectors: Vector
    locations: list[bytes | None]
    parts: list[str] = field(default_factory=list)


class Documents(DocumentReader):
    """Reads and writes the tables of one collection's generation, as a rule the active one."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        super().__init__(database, record)
        self._tables = record.tables
        self._chunk_columns = chunk_columns(record.generation.storage, record.generation.layout)
        self._codes = Codes(database, record)

    def write(self, connection: Connection, batch: Batch, *, fresh: bool = False) -> None:
        """Put a batch in place of what is stored of its documents, all or nothing.

        With `fresh` none of the documents is stored yet, so the rows go straight into the
        tables; a psycopg UniqueViolation tells that one was after all.
        """
        with connection.transaction():
            self._join_writers(connection)
            if fresh:
                self._copy(connection, batch, self._tables.documents, self._tables.chunks)
            elif batch.documents:
                self._merge(connection, batch)
                self._codes.remove(connection, [document.id for document in batch.documents])
            self._add_codes(connection, batch)
            if batch.metadata_changes:
                self._update_metadata(connection, batch.metadata_changes)
            if batch.adopted:
                values = {
                    "ids": [document.id for document in batch.adopted],
                    "sources": [document.source_id for document in batch.adopted],
                }
                connection.execute(query("documents.adopt", **self._names), values)

    def replace_chunks(self, connection: Connection, batch: Batch) -> None:
        """Put the chunks of a batch in place of its documents', which have a table of their own.

        In the caller's transaction, which they are complete or absent with.
        """
        self._join_writers(connection)
        self.remove_chunks(connection, [document.id for document in batch.documents])
        rows = self._chunk_rows(batch)
        if self._is_copied_to(connection):
            copy.copy_rows(connection, self._tables.chunks, self._chunk_columns, rows)
        else:
            self._stage_chunks(connection, rows)
        self._add_codes(connection, batch)

    def _is_copied_to(self, connection: Connection) -> bool:
        """Return whether this role may COPY into the chunks: not where policies concern it."""
        source = self._record.source
        if source is None or not source.row_security:
            return True
        named = {"chunks": self._tables.chunks_text}
        row = connection.execute(query("documents.is_copied_to"), named).fetchone()
        return row is not None and bool(row[0])

    def _stage_chunks(self, connection: Connection, rows: Iterator[tuple[copy.Field, ...]]) -> None:
        columns = sql.SQL(", ").join(map(sql.Identifier, self._chunk_columns))
        names = {**self._names, "columns": columns}
        connection.execute(query("documents.stage_chunks", **names), {}, prepare=False)
        staged = sql.Identifier("pg_temp", "staged_chunks")
        copy.copy_rows(connection, staged, self._chunk_columns, rows)
        connection.execute(query("documents.insert_chunks", **names), {}, prepare=False)
        connection.execute(query("documents.unstage_chunks"), {}, prepare=False)

    def remove_chunks(self, connection: Connection, ids: Sequence[str]) -> None:
        """Remove the chunks of documents, in the caller's transaction."""
        connection.execute(query("documents.delete_chunks", **self._names), {"ids": list(ids)})
        self._codes.remove(connection, list(ids))

    def insert_chunks(self, connection: Connection, chunks: Chunks) -> None:
        """Copy chunks into the generation's table, in the caller's transaction."""
        fixed = self._fixed_fields(chunks.vectors, chunks.numbers, chunks.spans, chunks.hashes)
        ids = (copy.text(id) for id in chunks.ids)
        contents = map(copy.binary, chunks.contents)
        locations = map(_location, chunks.locations)
        parts = self._part_fields(chunks.parts)
        rows = zip(fixed, ids, contents, locations, *parts, strict=True)
        copy.copy_rows(connection, self._tables.chunks, self._chunk_columns, rows)
        self._codes.add(
            connection, [id.encode() for id in chunks.ids], chunks.numbers, chunks.vectors
        )

    def delete(self, condition: Expression | None, values: dict[str, Any]) -> int:
        """Delete the documents that pass a condition, and their chunks; return their number."""
        if condition is None:
            return self._delete(sql.SQL("true"), {})
        text, given = as_text(condition)
        return self._delete(Written(text), {**given, **values})

    def delete_ids(self, ids: Sequence[str]) -> int:
        """Delete documents by id, and their chunks; return their number."""
        chosen = sql.SQL("d.id = ANY (%(ids)s)")
        starts = range(0, len(ids), IDS_PER_QUERY)
        return sum(
            self._delete(chosen, {"ids": list(ids[start : start + IDS_PER_QUERY])})
            for start in starts
        )

    def _add_codes(self, connection: Connection, batch: Batch) -> None:
        ids = [document.id_data for document in batch.documents for _ in document.chunks]
        self._codes.add(connection, ids, batch.numbers, batch.vectors)

    def _join_writers(self, connection: Connection) -> None:
        """Hold off a switch to another generation until this transaction ends.

        Raises:
            GenerationChangedError: there was one already; nothing is written.
        """
        active = join_writers(connection, self._database.schema, self._record.name)
        if active != self._generation.number:
            raise GenerationChangedError(
                f"Collection {self._record.name!r} was converted by somebody else meanwhile: open "
                "it again with store.collection(…), and repeat what was not written."
            )

    def _merge(self, connection: Connection, batch: Batch) -> None:
        columns = sql.SQL(", ").join(map(sql.Identifier, self._chunk_columns))
        names = {**self._names, "columns": columns}
        staged = ("staged_documents", "staged_chunks")
        for name in ("stage_documents", "stage_chunks"):
            connection.execute(query("documents." + name, **names), {}, prepare=False)
        self._copy(connection, batch, *(sql.Identifier("pg_temp", table) for table in staged))
        taken = {document.taken_from for document in batch.documents} - {None}
        merged = connection.execute(
            query("documents.merge_documents", **names),
            {"replaceable": list(taken)},
            prepare=False,
        )
        if merged.rowcount < len(batch.documents):
            raise SourceConflictError(
                "Another source brought a document of this id a moment ago: run again to see which."
            )
        for name in ("delete_replaced_chunks", "insert_chunks"):
            connection.execute(query("documents." + name, **names), {}, prepare=False)

    def _copy(
        self,
        connection: Connection,
        batch: Batch,
        documents: sql.Composable,
        chunks: sql.Composable,
    ) -> None:
        copy.copy_rows(connection, documents, DOCUMENT_COLUMNS, map(_fields, batch.documents))
        copy.copy_rows(connection, chunks, self._chunk_columns, self._chunk_rows(batch))

    def _chunk_rows(self, batch: Batch) -> Iterator[tuple[copy.Field, ...]]:
        chunks = [chunk for document in batch.documents for chunk in document.chunks]
        fixed = self._fixed_fields(
            batch.vectors,
            batch.numbers,
            [chunk.span for chunk in chunks],
            [chunk.content_hash for chunk in chunks],
        )
        ids = (
            copy.binary(document.id_data)
            for document in batch.documents
            for _ in range(len(document.chunks))
        )
        contents = (copy.binary(chunk.data) for chunk in chunks)
        locations = (_location(chunk.location) for chunk in chunks)
        parts = (document.part for document in batch.documents for _ in document.chunks)
        return zip(fixed, ids, contents, locations, *self._part_fields(parts), strict=True)

    def _part_fields(self, parts: Iterable[str]) -> list[Iterable[bytes]]:
        """Return the column of parts, if there is such a column."""
        return [] if self._generation.layout is None else [map(copy.text, parts)]

    def _fixed_fields(
        self,
        vectors: Vector,
        numbers: list[int],
        spans: list[tuple[int, int]],
        hashes: list[bytes],
    ) -> list[memoryview]:
        return chunk_fields(
            vectors,
            self._generation.storage.label,
            numbers=numbers,
            spans=spans,
            hashes=hashes,
        )

    def _update_metadata(self, connection: Connection, changes: list[ReadyDocument]) -> None:
        connection.execute(
            query("documents.update_metadata", **self._names),
            {
                "ids": [change.id for change in changes],
                "metadata": [change.metadata.decode() for change in changes],
                "uris": [change.uri for change in changes],
                "sources": [change.source_id for change in changes],
            },
        )
        if self._generation.layout is not None:
            moved = {
                "ids": [change.id for change in changes],
                "parts": [change.part for change in changes],
            }
            connection.execute(query("documents.update_parts", **self._names), moved)

    def _delete(self, condition: sql.Composable, values: dict[str, Any]) -> int:
        with self._database.transaction() as connection:
            self._join_writers(connection)
            statement = query("documents.delete", **self._names, condition=condition)
            ids = [row[0] for row in connection.execute(statement, values)]
            connection.execute(query("documents.delete_chunks", **self._names), {"ids": ids})
            self._codes.remove(connection, ids)
        return len(ids)


def _between(start: int, stop: int, first: int) -> slice:
    return slice(max(start - first, 0), max(stop - first, 0))


def _fields(document: ReadyDocument) -> tuple[copy.Field, ...]:
    return (
        copy.binary(document.id_data),
        copy.binary(document.data),
        copy.jsonb(document.metadata),
        copy.text(document.uri),
        copy.text(document.media_type),
        copy.binary(document.content_hash),
        copy.int4(document.source_id),
    )


def _location(value: bytes | None) -> copy.Field:
    return copy.binary(None) if value is None else copy.jsonb(value)


def same_metadata(stored: dict[str, Any], text: bytes) -> bool:
    """Return whether JSON text means what is stored: 1, 1.0 and true are three values."""
    known = _canonical(stored)
    if known is not None and known == _canonical(orjson.loads(text)):
        return True  # nearly always, and in a third of the time
    given = json.loads(text, parse_float=_as_jsonb)
    return bool(stored == given) and _same_types(stored, given)


def _canonical(value: object) -> bytes | None:
    """Return JSON that tells types apart; None where it holds a whole number beyond 64 bits."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return None


def _as_jsonb(number: str) -> float:
    """Return a number as jsonb gives it back, which writes 1e16 out: as a whole number."""
    return int(Decimal(number)) if "e" in number and "e-" not in number else float(number)


def _same_types(stored: Any, given: Any) -> bool:  # noqa: ANN401
    """Return whether two equal values have equal types at any depth."""
    if isinstance(stored, dict):
        return all(_same_types(value, given[key]) for key, value in stored.items())
    if isinstance(stored, list):
        return all(map(_same_types, stored, given))
    return type(stored) is type(given)


def empty_vectors(dim: int) -> Vector:
    """Return no vectors, shape (0, dim)."""
    return np.empty((0, dim), dtype=np.float32)
