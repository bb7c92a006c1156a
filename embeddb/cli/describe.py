"""A collection as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embeddb.cli.common.layout_options import layout_label
from embeddb.cli.common.output import facts, out
from embeddb.diagnostics.units import size

if TYPE_CHECKING:
    from embeddb.diagnostics.describe import CollectionStatus, PendingStatus


def print_collection(found: CollectionStatus) -> None:
    """Print the facts of one collection, a line each."""
    chunker = ", ".join(f"{key} {value}" for key, value in found.chunker.items() if value)
    pending = [("pending", _pending_label(found.wanted))] if found.wanted else []
    documents = "unknown" if found.documents is None else f"{found.documents:,}"
    pairs: list[tuple[str, object]] = [
        ("collection", found.name),
        ("documents", documents),
        ("chunks", f"{found.chunks:,}"),
        ("model", model_label(found)),
        ("storage", storage_label(found)),
        ("transform", _transform_label(found)),
        ("bytes a vector", f"{found.bytes_per_vector:,}"),
        *pending,
        ("normalize", "yes" if found.normalize else "no"),
        ("chunker", chunker.removeprefix("kind ")),
        ("layout", layout_label(found.layout)),
        ("index", _index_label(found)),
        ("tables", size(found.table_bytes)),
        ("indexes", size(found.index_bytes)),
    ]
    out.print(facts(pairs))


def model_label(found: CollectionStatus) -> str:
    """Return the model's name."""
    return found.model.name if found.model else "none (own vectors)"


def storage_label(found: CollectionStatus) -> str:
    """Return storage and distance."""
    return f"{found.storage}({found.stored_dim}) {found.distance}"


def _index_label(found: CollectionStatus) -> str:
    if found.index is None:
        return "none (exact search)"
    shown = dict(found.index)
    if shown.get("on"):
        shown["oversample"] = found.oversample
    text = _spec_label(shown)
    return text if found.index_state == "valid" else f"{text}, {found.index_state}"


def _pending_label(pending: PendingStatus) -> str:
    index = _spec_label(pending.index) if pending.index else "no index"
    return (
        f"{pending.storage} through {', '.join(pending.transform)}, {index}: "
        f"learned once there are {pending.chunks_needed:,} chunks"
    )


def _spec_label(index: dict[str, Any]) -> str:
    options = ", ".join(
        f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in index.items()
        if key != "method" and value is not None
    )
    return f"{index['method']} ({options})" if options else str(index["method"])


def _transform_label(found: CollectionStatus) -> str:
    if not found.transform:
        return "none"
    return f"{', '.join(found.transform)} (of {found.dim} dimensions)"
