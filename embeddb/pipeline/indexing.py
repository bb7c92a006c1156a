"""Indexes after writing: built once there is something to index, and remembered as they are."""

from __future__ import annotations

from dataclasses import replace

from embeddb.db.database import Database
from embeddb.pipeline.display import Display, Silent
from embeddb.repository.collections import Collections
from embeddb.repository.documents import Documents
from embeddb.repository.indexes import Indexes, Progress
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import HNSW, IndexSpec, check_index


def ensure_indexes(
    database: Database, record: CollectionRecord, display: Display
) -> CollectionRecord:
    """Build what is missing or invalid, unless the collection is empty; give its record anew."""
    indexes = Indexes(database, record)
    wanted = record.generation.index
    if not indexes.missing(wanted) or not (rows := Documents(database, record).count_chunks()):
        return record
    resolved = None if wanted is None else wanted.resolved(rows)
    indexes.ensure(resolved, rows, _progress(display))
    return record if resolved == wanted else remember(database, record, resolved)


def rebuild_index(
    database: Database, record: CollectionRecord, index: IndexSpec | None, display: Display
) -> CollectionRecord:
    """Build a vector index in place of what is there; None: the collection's own, or HNSW().

    Raises:
        IndexSpecError: pgvector cannot build it for this collection.
    """
    generation = record.generation
    wanted = index or generation.index or HNSW()
    check_index(
        wanted, storage=generation.storage, distance=generation.distance, dim=generation.dim
    )
    rows = Documents(database, record).count_chunks()
    resolved = wanted.resolved(rows)
    Indexes(database, record).rebuild(resolved, rows, _progress(display))
    return remember(database, record, resolved)


def remember(
    database: Database, record: CollectionRecord, index: IndexSpec | None
) -> CollectionRecord:
    """Write down which index there is: searches are compiled for it."""
    Collections(database).set_index(record.name, index)
    return replace(record, generation=replace(record.generation, index=index))


def _progress(display: Display) -> Progress | None:
    return None if isinstance(display, Silent) else display.index
