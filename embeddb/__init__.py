"""Embeddings as a first-class, migratable part of a Postgres schema."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embeddb.chunkers import ChunkerSpec
    from embeddb.collection import Collection
    from embeddb.errors import EmbedDBError
    from embeddb.evaluation.recall import RecallReport
    from embeddb.records import Document, Hit, IngestReport
    from embeddb.schema.indexes import HNSW, IVFFlat
    from embeddb.store import Store, connect, migrate

__version__ = "0.1.0"

_HOMES = {
    "HNSW": "embeddb.schema.indexes",
    "ChunkerSpec": "embeddb.chunkers",
    "Collection": "embeddb.collection",
    "Document": "embeddb.records",
    "EmbedDBError": "embeddb.errors",
    "Hit": "embeddb.records",
    "IVFFlat": "embeddb.schema.indexes",
    "IngestReport": "embeddb.records",
    "RecallReport": "embeddb.evaluation.recall",
    "Store": "embeddb.store",
    "connect": "embeddb.store",
    "migrate": "embeddb.store",
}

__all__ = [
    "HNSW",
    "ChunkerSpec",
    "Collection",
    "Document",
    "EmbedDBError",
    "Hit",
    "IVFFlat",
    "IngestReport",
    "RecallReport",
    "Store",
    "__version__",
    "connect",
    "migrate",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: `embeddb --help` needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module 'embeddb' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
