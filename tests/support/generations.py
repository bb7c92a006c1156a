"""Generations for tests that need no database."""

from __future__ import annotations

from typing import Any

from embeddb.schema.catalog import CollectionRecord, Generation, TransformInfo
from embeddb.schema.distances import Distance
from embeddb.schema.names import tables
from embeddb.schema.storage import Storage


def generation(
    storage: Storage = Storage.VECTOR,
    distance: Distance = Distance.COSINE,
    dim: int = 3,
    **others: Any,  # noqa: ANN401
) -> Generation:
    """Make the first generation of a collection of the caller's own vectors."""
    values: dict[str, Any] = {
        "number": 1,
        "model": None,
        "normalize": False,
        "chunker": {},
        "index": None,
        "state": "active",
    }
    return Generation(dim=dim, distance=distance, storage=storage, **(values | others))


def transform(
    dim: int, *words: str, leading: bool = False, unit: bool = False, isometric: bool = False
) -> TransformInfo:
    """Make what the catalog tells of a transform."""
    return TransformInfo(
        id=1,
        words=words or ("rotation:random",),
        dim=dim,
        fingerprint="f",
        leading=leading,
        unit=unit,
        isometric=isometric,
    )


def record(generation: Generation, *, schema: str = "embeddb") -> CollectionRecord:
    """Make a collection named `docs` of one generation."""
    return CollectionRecord(name="docs", tables=tables(schema, "docs", 1), generation=generation)
