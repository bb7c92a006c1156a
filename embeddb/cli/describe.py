"""A collection as commands tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embeddb.cli.layout import layout_label
from embeddb.cli.output import size

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.repository.indexes import IndexInfo
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
    from embeddb.repository.attached_health import AttachedHealth

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
    from embeddb.pipeline.convert import rows_needed
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


def model_label(data: dict[str, Any]) -> str:
    """Name the model."""
    return data["model"].name if data["model"] else "none (own vectors)"


def storage_label(data: dict[str, Any]) -> str:
    """Write storage and distance."""
    return f"{data['storage']}({data['stored_dim']}) {data['distance']}"


def index_label(data: dict[str, Any]) -> str:
    """Write the index with its options and its state."""
    if data["index"] is None:
        return "none (exact search)"
    shown = dict(data["index"])
    if shown.get("on"):
        shown["oversample"] = data["oversample"]
    text = _spec_label(shown)
    return text if data["index_state"] == "valid" else f"{text}, {data['index_state']}"


def wanted_label(wanted: dict[str, Any]) -> str:
    """Write what a collection is to become, and when."""
    index = _spec_label(wanted["index"]) if wanted["index"] else "no index"
    return (
        f"{wanted['storage']} through {', '.join(wanted['transform'])}, {index}: "
        f"learned once there are {wanted['chunks_needed']:,} chunks"
    )


def _spec_label(index: dict[str, Any]) -> str:
    options = ", ".join(
        f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in index.items()
        if key != "method" and value is not None
    )
    return f"{index['method']} ({options})" if options else str(index["method"])


def summary(data: dict[str, Any]) -> list[tuple[str, object]]:
    """Give the facts of one collection for people."""
    chunker = ", ".join(f"{key} {value}" for key, value in data["chunker"].items() if value)
    pending = [("pending", wanted_label(data["wanted"]))] if data["wanted"] else []
    return [
        ("collection", data["name"]),
        ("documents", f"{data['documents']:,}"),
        ("chunks", f"{data['chunks']:,}"),
        ("model", model_label(data)),
        ("storage", storage_label(data)),
        ("transform", _transform_label(data)),
        ("bytes a vector", f"{data['bytes_per_vector']:,}"),
        *pending,
        ("normalize", "yes" if data["normalize"] else "no"),
        ("chunker", chunker.removeprefix("kind ")),
        ("layout", layout_label(data["layout"])),
        ("index", index_label(data)),
        ("tables", size(data["table_bytes"])),
        ("indexes", size(data["index_bytes"])),
    ]


def _transform_label(data: dict[str, Any]) -> str:
    if not data["transform"]:
        return "none"
    return f"{', '.join(data['transform'])} (of {data['dim']} dimensions)"
