"""What `embeddb doctor` looks at in a collection: rows, indexes, its model."""

from __future__ import annotations

from collections.abc import Iterator

from embeddb.collection import Collection
from embeddb.diagnostics.describe import wanted_form
from embeddb.diagnostics.findings import Finding, Level, examine
from embeddb.diagnostics.table_checks import check_tables
from embeddb.pipeline.indexes.repair import Defect
from embeddb.repository.catalog.recall_history import RecallHistory
from embeddb.store import Store


def check_collection(store: Store, collection: Collection, *, models: bool) -> Iterator[Finding]:
    """Look at a collection; its model is loaded, which takes seconds, only if asked for."""
    documents, chunks, *_ = store.sizes(collection.name)
    yield Finding("ok", collection.name, f"{documents:,} documents, {chunks:,} chunks")
    yield from _pending(collection, chunks)
    yield from _faults(collection)
    if chunks:
        yield from _indexes(collection)
        yield from check_tables(store, collection, chunks)
    yield from _sql_encoder(collection)
    if models and collection.record.generation.model is not None:
        yield from examine(collection.name, lambda: _model(collection))


def check_recall(store: Store) -> Iterator[Finding]:
    """Tell of the collections whose measured recall fell."""
    for fallen in RecallHistory(store.database).fallen():
        message = f"Recall fell: {fallen.now:.3f} was measured last, {fallen.before:.3f} before."
        yield Finding("warn", fallen.collection, message, f"embeddb tune '{fallen.collection}'")


def _pending(collection: Collection, chunks: int) -> Iterator[Finding]:
    wanted = wanted_form(collection)
    if wanted is None:
        return
    form = f"{wanted['storage']} through {', '.join(wanted['transform'])}"
    needed = wanted["chunks_needed"]
    if chunks < needed:
        message = f"will be {form} once there are {needed:,} chunks; until then searches are exact"
        yield Finding("ok", collection.name, message)
    else:
        message = f"It was to become {form}, has the {needed:,} chunks for it, and is not yet."
        yield Finding("warn", collection.name, message, f"embeddb index build '{collection.name}'")


def _faults(collection: Collection) -> Iterator[Finding]:
    for fault in collection.repair_indexes(dry_run=True):
        level, message = _told(collection, fault)
        if fault.kept:
            yield Finding("warn", collection.name, message, f"Nothing by embeddb: {fault.kept}.")
        else:
            remedy = f"embeddb index repair '{collection.name}'"
            yield Finding(level, collection.name, message, remedy)


def _told(collection: Collection, fault: Defect) -> tuple[Level, str]:
    match fault.kind:
        case "invalid index":
            return "fail", f"Index {fault.name} is invalid: an interrupted build left it."
        case "missing function":
            return "fail", f"Function {fault.name} is missing: searches from SQL need it."
        case "generation":
            return "warn", f"Table {fault.name} is left of an interrupted conversion."
    if fault.name == collection.record.tables.metadata_index:
        return "warn", "The index on the metadata is missing: filters read every document."
    return "warn", "The vector index is missing: searches read every row."


def _sql_encoder(collection: Collection) -> Iterator[Finding]:
    """Tell of an encoder that answers in the space of another model, so that nothing takes it."""
    info = collection.sql_encoder()
    if info is None:
        return
    remedy = f"embeddb sql-encoder train '{collection.name}'"
    if not info.current:
        message = (
            f"The SQL encoder was trained for generation {info.generation} and another model than "
            "the active one: searches by a text in SQL need a worker until it is trained again."
        )
        yield Finding("warn", collection.name, message, remedy)
    elif info.generation != collection.record.generation.number:
        message = (
            f"The SQL encoder was trained for generation {info.generation}; the model is the same, "
            "so it still works, on texts that may have changed."
        )
        yield Finding("ok", collection.name, message)


def _indexes(collection: Collection) -> Iterator[Finding]:
    indexes = collection.indexes()
    if indexes and all(info.valid for info in indexes):
        names = ", ".join(info.name for info in indexes)
        yield Finding("ok", collection.name, f"valid indexes: {names}")


def _model(collection: Collection) -> Iterator[Finding]:
    name = collection.encoder.info.name  # compares the fingerprints
    yield Finding("ok", collection.name, f"model {name} loads, and is the collection's own")
