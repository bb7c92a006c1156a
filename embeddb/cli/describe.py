"""A collection as commands tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embeddb.cli.output import size

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.repository.indexes import IndexInfo
    from embeddb.store import Store


def describe(store: Store, collection: Collection) -> dict[str, Any]:
    """Collect everything that is known of a collection, ready for JSON."""
    from embeddb.schema.indexes import to_json

    generation = collection.record.generation
    documents, chunks, table_bytes, index_bytes = store.sizes(collection.name)
    indexes = collection.indexes()
    return {
        "name": collection.name,
        "model": generation.model,
        "dim": generation.dim,
        "distance": generation.distance.label,
        "storage": generation.storage.label,
        "normalize": generation.normalize,
        "chunker": generation.chunker,
        "generation": generation.number,
        "documents": documents,
        "chunks": chunks,
        "table_bytes": table_bytes,
        "index_bytes": index_bytes,
        "index": to_json(generation.index),
        "index_state": index_state(collection, indexes),
        "indexes": indexes,
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


def model_label(data: dict[str, Any]) -> str:
    """Name the model."""
    return data["model"].name if data["model"] else "none (own vectors)"


def storage_label(data: dict[str, Any]) -> str:
    """Write storage and distance."""
    return f"{data['storage']}({data['dim']}) {data['distance']}"


def index_label(data: dict[str, Any]) -> str:
    """Write the index with its options and its state."""
    if data["index"] is None:
        return "none (exact search)"
    method, *options = (
        value if key == "method" else f"{key}={value}"
        for key, value in data["index"].items()
        if value is not None
    )
    text = f"{method} ({', '.join(options)})" if options else method
    return text if data["index_state"] == "valid" else f"{text}, {data['index_state']}"


def summary(data: dict[str, Any]) -> list[tuple[str, object]]:
    """Give the facts of one collection for people."""
    chunker = ", ".join(f"{key} {value}" for key, value in data["chunker"].items() if value)
    return [
        ("collection", data["name"]),
        ("documents", f"{data['documents']:,}"),
        ("chunks", f"{data['chunks']:,}"),
        ("model", model_label(data)),
        ("storage", storage_label(data)),
        ("normalize", "yes" if data["normalize"] else "no"),
        ("chunker", chunker.removeprefix("kind ")),
        ("index", index_label(data)),
        ("tables", size(data["table_bytes"])),
        ("indexes", size(data["index_bytes"])),
    ]
