"""Indexes after writing: built once there is something to index, and remembered as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embeddb.db.database import Database
from embeddb.pipeline.indexes.ivfpq import build_codes, has_rows
from embeddb.progress import Display, Silent
from embeddb.protocols import PhaseProgress
from embeddb.records import Vector
from embeddb.repository.collections.collections import Collections
from embeddb.repository.collections.documents import Documents
from embeddb.repository.indexes.indexes import Indexes
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.distances import Distance
from embeddb.schema.index_rules import resolve_index
from embeddb.schema.indexes import HNSW, IVFPQ, IndexSpec, derived_of
from embeddb.schema.layouts import rows_each

THRESHOLD_SAMPLE = 20_000
"""Vectors from which the thresholds of a thermometer code are learned."""


def ensure_indexes(
    database: Database, record: CollectionRecord, display: Display
) -> CollectionRecord:
    """Build what is missing or invalid, unless the collection is empty; return its record anew."""
    indexes = Indexes(database, record)
    index = record.generation.index
    if not indexes.missing(index) or not (rows := Documents(database, record).count_chunks()):
        return record
    with indexes.held():
        missing = indexes.missing(index)  # another process may have built it meanwhile
        if isinstance(index, IVFPQ) and not has_rows(index, rows):
            indexes.ensure(None, rows, _progress(display))  # exact until there are more
        elif index is not None and record.tables.vector_index(index.method) in missing:
            return _build(database, record, indexes, index, rows, display)
        else:
            indexes.ensure(index, rows, _progress(display))
    return record


def rebuild_index(
    database: Database, record: CollectionRecord, index: IndexSpec | None, display: Display
) -> CollectionRecord:
    """Build a vector index in place of what is there; return the collection's record anew.

    Args:
        database: where the collection is.
        record: the collection.
        index: what to build; None: the index that the collection has, or HNSW().
        display: shows how far the build is.

    Raises:
        IndexSpecError: pgvector cannot build it for this collection.
    """
    resolved, _ = resolve_index(index or record.generation.index or HNSW(), record.generation)
    rows = Documents(database, record).count_chunks()
    indexes = Indexes(database, record)
    with indexes.held():
        return _build(database, record, indexes, resolved, rows, display)


def build_index(
    database: Database, record: CollectionRecord, index: IndexSpec | None, display: Display
) -> CollectionRecord:
    """Build the index of a generation that has none yet, unless `index` is None; return its record.

    One that needs more rows to learn from is built by a later write.
    """
    if index is None:
        return record
    if isinstance(index, IVFPQ):
        rows = Documents(database, record).count_chunks()
        if not has_rows(index, rows):
            return Collections(database).set_index(record, index)
    return rebuild_index(database, record, index, display)


def drop_index(database: Database, record: CollectionRecord) -> CollectionRecord:
    """Drop the vector index, and store that there is to be none; return the record anew."""
    indexes = Indexes(database, record)
    with indexes.held():
        indexes.drop()
        return Collections(database).set_index(record, None)


def _build(
    database: Database,
    record: CollectionRecord,
    indexes: Indexes,
    index: IndexSpec,
    rows: int,
    display: Display,
) -> CollectionRecord:
    """Drop what is there, learn what the index needs, store its spec, and build it."""
    if isinstance(index, IVFPQ):
        # what was there is searched until the new one takes its place
        made = build_codes(database, record, index, rows, display)
        indexes.drop(but=index.method)
        indexes.ensure(made.generation.index, rows, _progress(display))
        return made
    indexes.drop()
    resolved = index.resolved(rows_each(record.generation.layout, rows))
    made = replace(record, generation=replace(record.generation, index=resolved))
    thresholds = _thresholds(database, made, rows)
    if resolved != record.generation.index or thresholds is not None:
        # searches are compiled for it from now on; without the index they are slow, not wrong
        made = Collections(database).set_index(record, resolved, thresholds)
    indexes.ensure(resolved, rows, _progress(display))
    return made


def _thresholds(database: Database, record: CollectionRecord, rows: int) -> Vector | None:
    """Return thresholds of thermometer codes, learned from the collection's own vectors."""
    derived = derived_of(record.generation.index)
    if derived is None or not derived.has_thresholds or rows == 0:
        return None
    from embeddb.quantizers import Thermometer

    _, sample = Documents(database, record).sample(THRESHOLD_SAMPLE)
    if record.generation.distance is Distance.COSINE:
        sample /= np.linalg.norm(sample, axis=1, keepdims=True)  # as the code function does
    thresholds: Vector = Thermometer.fit(sample, levels=derived.levels).thresholds
    return thresholds


def _progress(display: Display) -> PhaseProgress | None:
    return None if isinstance(display, Silent) else display.index
