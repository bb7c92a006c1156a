"""A collection as data: what commands, status and doctor tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.repository.indexes.indexes import IndexInfo
    from embeddb.store import Store


def describe(store: Store, collection: Collection) -> dict[str, Any]:
    """Collect everything that is known of a collection, ready for JSON."""
    from embeddb.schema import layouts
    from embeddb.schema.indexes import oversample_of, to_json

    generation = collection.record.generation
    documents, chunks, table_bytes, index_bytes = store.sizes(collection.name)
    indexes = collection.indexes()
    return {
        "name": collection.name,
        **_source(store, collection),
        "model": generation.model,
        "dim": generation.dim,
        "distance": generation.distance.label,
        "storage": generation.storage.label,
        "stored_dim": generation.stored_dim,
        "transform": list(generation.transform.words) if generation.transform else [],
        "bytes_per_vector": generation.storage.bytes_per_vector(generation.stored_dim),
        "wanted": wanted_form(collection),
        "normalize": generation.normalize,
        "layout": layouts.to_json(generation.layout),
        "chunker": generation.chunker,
        "generation": generation.number,
        "documents": documents,
        "chunks": chunks,
        "table_bytes": table_bytes,
        "index_bytes": index_bytes,
        "index": to_json(generation.index),
        "oversample": oversample_of(generation.index),
        "index_state": index_state(collection, indexes),
        "indexes": indexes,
    }


def _source(store: Store, collection: Collection) -> dict[str, Any]:
    """Describe what a collection is attached to, what waits there, and what is wrong with it."""
    from embeddb.repository.attached.health import AttachedHealth

    source = collection.record.source
    if source is None:
        return {"source": None, "sync": None, "problems": []}
    health = AttachedHealth(store.database, collection.record)
    return {
        "source": source.to_json(),
        "sync": health.status(),
        "problems": [fault.message for fault in health.faults()],
    }


def wanted_form(collection: Collection) -> dict[str, Any] | None:
    """Describe the form that a collection gets once its transform can be learned."""
    from embeddb.pipeline.conversion.convert import rows_needed
    from embeddb.schema.indexes import to_json

    wanted = collection.record.generation.wanted
    if wanted is None:
        return None
    return {
        "storage": wanted.storage.label,
        "transform": list(wanted.transform),
        "index": to_json(wanted.index),
        "chunks_needed": rows_needed(collection.record),
    }


def index_state(collection: Collection, indexes: list[IndexInfo]) -> str:
    """Say of the vector index that was asked for: `valid`, `invalid`, `missing` or `none`."""
    index = collection.record.generation.index
    if index is None:
        return "none"
    name = collection.record.tables.vector_index(index.method)
    found = next((info for info in indexes if info.name == name), None)
    if found is None:
        return "missing"
    return "valid" if found.valid else "invalid"
