"""A collection as people read it."""

from __future__ import annotations

from typing import Any

from embeddb.cli.common.layout_options import layout_label
from embeddb.diagnostics.units import size


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
