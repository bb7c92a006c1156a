"""What `embeddb doctor` looks at in a collection: rows, indexes, its model."""

from __future__ import annotations

from collections.abc import Iterator

from embeddb.cli.describe import index_state
from embeddb.cli.findings import Finding, examine
from embeddb.collection import Collection
from embeddb.repository.indexes import IndexInfo
from embeddb.store import Store


def check_collection(store: Store, collection: Collection, *, models: bool) -> Iterator[Finding]:
    """Look at a collection; its model is loaded, which takes seconds, only if asked for."""
    documents, chunks, *_ = store.sizes(collection.name)
    yield Finding("ok", collection.name, f"{documents:,} documents, {chunks:,} chunks")
    if chunks:
        yield from _indexes(collection)
    if models and collection.record.generation.model is not None:
        yield from examine(collection.name, lambda: _model(collection))


def _indexes(collection: Collection) -> Iterator[Finding]:
    indexes = collection.indexes()
    remedy = f"embeddb index build '{collection.name}'"
    for info in indexes:
        if not info.valid:
            message = f"Index {info.name} is invalid: an interrupted build left it."
            yield Finding("fail", collection.name, message, remedy)
    if index_state(collection, indexes) == "missing":
        message = "The vector index is missing: searches read every row."
        yield Finding("warn", collection.name, message, remedy)
    if not _has(collection.record.tables.metadata_index, indexes):
        message = "The index on the metadata is missing: filters read every document."
        yield Finding("warn", collection.name, message, remedy)
    if indexes and all(info.valid for info in indexes):
        names = ", ".join(info.name for info in indexes)
        yield Finding("ok", collection.name, f"valid indexes: {names}")


def _has(name: str, indexes: list[IndexInfo]) -> bool:
    return any(info.name == name for info in indexes)


def _model(collection: Collection) -> Iterator[Finding]:
    name = collection.encoder.info.name  # compares the fingerprints
    yield Finding("ok", collection.name, f"model {name} loads, and is the collection's own")
