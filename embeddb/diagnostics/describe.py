"""A collection as data: everything that the catalog and Postgres know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from embeddb.db.database import Database
from embeddb.pipeline.conversion.convert import rows_needed
from embeddb.records import ModelInfo
from embeddb.repository.attached.health import AttachedHealth, SyncStatus
from embeddb.repository.collections.collections import Collections
from embeddb.repository.indexes.indexes import Indexes
from embeddb.repository.indexes.listing import IndexInfo
from embeddb.schema import layouts
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import oversample_of, to_json

IndexState: TypeAlias = Literal["valid", "invalid", "missing", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingStatus:
    """The form that a collection takes once there are enough chunks to learn it from.

    Attributes:
        storage: the kind of column.
        transform: the words of the transform.
        index: the index's method and options; None for exact search.
        chunks_needed: how many chunks it takes to learn the transform.
    """

    storage: str
    transform: tuple[str, ...]
    index: dict[str, Any] | None
    chunks_needed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectionStatus:
    """A collection as the catalog and Postgres have it now; `dataclasses.asdict` is ready for JSON.

    Attributes:
        source: the attached table, as the catalog keeps it; None for a collection with documents
            of its own.
        sync: what waits and fails in an attached collection.
        problems: what is wrong with the attached table, a sentence each.
        model: None where the vectors are the caller's own.
        dim: dimensions of what the model returns, and of queries.
        stored_dim: dimensions of what is stored.
        transform: the words of the transform that stored vectors went through.
        bytes_per_vector: in the column, without the row around it.
        wanted: the form that it waits to take; None: it has its form.
        layout: how the chunks lie; empty: in one table.
        chunker: the chunker's kind and options.
        generation: the number of the active generation.
        documents: None where the attached table cannot be read.
        index: the method and options of the index asked for; None for exact search.
        oversample: candidates that are rescored for each row wanted.
        index_state: `valid`, `invalid` or `missing`; `none` where no index was asked for.
        indexes: every index as Postgres has it, primary keys apart.
    """

    name: str
    source: dict[str, Any] | None
    sync: SyncStatus | None
    problems: tuple[str, ...]
    model: ModelInfo | None
    dim: int
    distance: str
    storage: str
    stored_dim: int
    transform: tuple[str, ...]
    bytes_per_vector: int
    wanted: PendingStatus | None
    normalize: bool
    layout: dict[str, Any]
    chunker: dict[str, Any]
    generation: int
    documents: int | None
    chunks: int
    table_bytes: int
    index_bytes: int
    index: dict[str, Any] | None
    oversample: float
    index_state: IndexState
    indexes: tuple[IndexInfo, ...]


def describe(database: Database, record: CollectionRecord) -> CollectionStatus:
    """Return everything that is known of a collection."""
    generation = record.generation
    documents, chunks, table_bytes, index_bytes = Collections(database).sizes(record)
    indexes = Indexes(database, record).all()
    health = None if record.source is None else AttachedHealth(database, record)
    return CollectionStatus(
        name=record.name,
        source=None if record.source is None else record.source.to_json(),
        sync=None if health is None else health.status(),
        problems=() if health is None else tuple(fault.message for fault in health.faults()),
        model=generation.model,
        dim=generation.dim,
        distance=generation.distance.label,
        storage=generation.storage.label,
        stored_dim=generation.stored_dim,
        transform=generation.transform.words if generation.transform else (),
        bytes_per_vector=generation.storage.bytes_per_vector(generation.stored_dim),
        wanted=pending_form(record),
        normalize=generation.normalize,
        layout=layouts.to_json(generation.layout),
        chunker=generation.chunker,
        generation=generation.number,
        documents=documents,
        chunks=chunks,
        table_bytes=table_bytes,
        index_bytes=index_bytes,
        index=to_json(generation.index),
        oversample=oversample_of(generation.index),
        index_state=index_state(record, indexes),
        indexes=tuple(indexes),
    )


def pending_form(record: CollectionRecord) -> PendingStatus | None:
    """Return the form that a collection waits to take; None where it has its form."""
    wanted = record.generation.wanted
    if wanted is None:
        return None
    return PendingStatus(
        storage=wanted.storage.label,
        transform=wanted.transform,
        index=to_json(wanted.index),
        chunks_needed=rows_needed(record),
    )


def index_state(record: CollectionRecord, indexes: Sequence[IndexInfo]) -> IndexState:
    """Return the state of the vector index that was asked for, among those that there are."""
    index = record.generation.index
    if index is None:
        return "none"
    name = record.tables.vector_index(index.method)
    found = next((info for info in indexes if info.name == name), None)
    if found is None:
        return "missing"
    return "valid" if found.valid else "invalid"
