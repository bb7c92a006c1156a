"""The doctor's checks of a collection: rows, indexes, functions, model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from embeddb.db.database import Database
from embeddb.diagnostics.describe import pending_form
from embeddb.diagnostics.findings import Finding, Level
from embeddb.diagnostics.table_checks import check_tables
from embeddb.evaluation.recall import REACHABLE
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.pipeline.indexes.repair import Defect, find_defects
from embeddb.protocols import Encoder
from embeddb.repository.catalog.recall_history import RecallHistory
from embeddb.repository.collections.chunks_view import ChunksView
from embeddb.repository.collections.collections import Collections
from embeddb.repository.indexes.indexes import Indexes
from embeddb.repository.query_encoding.sql_encoders import SQLEncoders
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.indexes import HNSW


def check_collection(database: Database, record: CollectionRecord) -> Iterator[Finding]:
    """Yield what is found in a collection's tables, indexes and functions."""
    documents, chunks, *_ = Collections(database).sizes(record)
    yield Finding("ok", record.name, f"{documents:,} documents, {chunks:,} chunks")
    yield from _chunks_view(database, record)
    yield from _pending(record, chunks)
    yield from _defects(database, record)
    if chunks:
        yield from _indexes(database, record)
        yield from check_tables(database, record, chunks)
    yield from _sql_encoder(database, record)


def check_model(record: CollectionRecord, load: Callable[[str], Encoder]) -> Iterator[Finding]:
    """Yield that the model of a collection loads and is the one that it was made with.

    Raises:
        EmbedDBError: it does not load, or is another model.
    """
    model = BoundModel(record, StoredForm(None, record.generation), load)
    name = model.encoder.info.name  # loads it, and compares the fingerprints
    yield Finding("ok", record.name, f"model {name} loads and matches the collection")


def check_recall(database: Database) -> Iterator[Finding]:
    """Yield the collections whose measured recall fell."""
    for fallen in RecallHistory(database).fallen():
        message = f"Recall fell from {fallen.before:.3f} to {fallen.now:.3f}."
        yield Finding("warn", fallen.collection, message, f"embeddb tune '{fallen.collection}'")
    for name, reachable, method in RecallHistory(database).unreached(REACHABLE):
        message = f"{1 - reachable:.1%} of the rows are not found by a search for their own vector."
        remedy = f"embeddb tune '{name}'"
        if method == HNSW.method:
            message += " Where many rows are equally near to each other, a graph leads past some."
            remedy = f"embeddb index build '{name}' --index ivfflat"
        yield Finding("warn", name, message, remedy)


def _chunks_view(database: Database, record: CollectionRecord) -> Iterator[Finding]:
    """Yield what is wrong with the view of the chunks."""
    with database.connection() as connection:
        state = ChunksView(database).state(connection, record)
    name = f"{record.tables.schema}.{record.tables.chunks_view}"
    match state:
        case "missing":
            message = f"View {name} is missing: SQL has no lasting name for the chunks."
            yield Finding("warn", record.name, message, "embeddb migrate")
        case "outdated":
            message = f"View {name} does not show the active generation."
            yield Finding("fail", record.name, message, "embeddb migrate")
        case "foreign":
            message = f"The name of the view {name} is taken by something that is not embeddb's."
            yield Finding("warn", record.name, message, "Rename that, then run: embeddb migrate")


def _pending(record: CollectionRecord, chunks: int) -> Iterator[Finding]:
    pending = pending_form(record)
    if pending is None:
        return
    form = f"{pending.storage} through {', '.join(pending.transform)}"
    needed = pending.chunks_needed
    if chunks < needed:
        message = f"becomes {form} once there are {needed:,} chunks; searches are exact until then"
        yield Finding("ok", record.name, message)
    else:
        message = f"It has the {needed:,} chunks to become {form}, but was not converted yet."
        yield Finding("warn", record.name, message, f"embeddb index build '{record.name}'")


def _defects(database: Database, record: CollectionRecord) -> Iterator[Finding]:
    for defect in find_defects(database, record):
        level, message = _described(record, defect)
        if defect.kept:
            remedy = f"embeddb leaves it as it is: {defect.kept}."
            yield Finding("warn", record.name, message, remedy)
        else:
            yield Finding(level, record.name, message, f"embeddb index repair '{record.name}'")


def _described(record: CollectionRecord, defect: Defect) -> tuple[Level, str]:
    match defect.kind:
        case "invalid index":
            return "fail", f"Index {defect.name} is invalid: an interrupted build left it."
        case "missing function":
            return "fail", f"Function {defect.name} is missing: searches from SQL need it."
        case "generation":
            return "warn", f"Table {defect.name} is left over from an interrupted conversion."
    if defect.name == record.tables.metadata_index:
        return "warn", "The index on the metadata is missing: filters read every document."
    return "warn", "The vector index is missing: searches read every row."


def _sql_encoder(database: Database, record: CollectionRecord) -> Iterator[Finding]:
    """Yield whether the SQL encoder was trained for the model that the collection has now."""
    info = SQLEncoders(database).get(record)
    if info is None:
        return
    if not info.current:
        message = (
            f"The SQL encoder was trained for generation {info.generation}, which had another "
            "model. Until it is trained again, searching by text in SQL needs a worker."
        )
        remedy = f"embeddb sql-encoder train '{record.name}'"
        yield Finding("warn", record.name, message, remedy)
    elif info.generation != record.generation.number:
        message = (
            f"the SQL encoder was trained for generation {info.generation}, which had the same "
            "model: it still works, on texts that may have changed since"
        )
        yield Finding("ok", record.name, message)


def _indexes(database: Database, record: CollectionRecord) -> Iterator[Finding]:
    indexes = Indexes(database, record).all()
    if indexes and all(info.valid for info in indexes):
        names = ", ".join(info.name for info in indexes)
        yield Finding("ok", record.name, f"valid indexes: {names}")
