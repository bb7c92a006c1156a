"""What the catalog tells of a collection, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from embeddb.records import ModelInfo
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.names import Tables
from embeddb.schema.storage import Storage


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """What one model, one chunker and one storage make of a collection's documents.

    Attributes:
        model: None where the vectors are the caller's own.
        normalize: whether vectors are scaled to length 1 before they are stored or searched.
        chunker: the chunker's spec as JSON.
        index: the index wished for; None for exact search.
    """

    number: int
    dim: int
    distance: Distance
    storage: Storage
    model: ModelInfo | None
    normalize: bool
    chunker: dict[str, Any]
    index: IndexSpec | None
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectionRecord:
    """A collection with its active generation."""

    name: str
    tables: Tables
    generation: Generation
