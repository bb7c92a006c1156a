"""Embeddings as a first-class, migratable part of a Postgres schema."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from embeddb.version import __version__

if TYPE_CHECKING:
    from embeddb.chunkers import ChunkerSpec
    from embeddb.collection import Collection
    from embeddb.errors import EmbedDBError
    from embeddb.evaluation.compression.advice import Advice
    from embeddb.evaluation.compression.candidates import Candidate
    from embeddb.evaluation.index_tuning import TuneReport
    from embeddb.evaluation.recall import RecallReport
    from embeddb.records import Document, Hit, IngestReport, SearchPlan
    from embeddb.repository.search.options import SearchOptions
    from embeddb.schema.indexes import HNSW, IVFPQ, IVFFlat
    from embeddb.schema.layouts import HashPartitions, ListPartitions, PartialIndexes
    from embeddb.schema.spec import EmbeddingSpec
    from embeddb.store import Store, connect, migrate

_HOMES = {
    "HNSW": "embeddb.schema.indexes",
    "IVFPQ": "embeddb.schema.indexes",
    "Advice": "embeddb.evaluation.compression.advice",
    "Candidate": "embeddb.evaluation.compression.candidates",
    "ChunkerSpec": "embeddb.chunkers",
    "Collection": "embeddb.collection",
    "Document": "embeddb.records",
    "EmbedDBError": "embeddb.errors",
    "EmbeddingSpec": "embeddb.schema.spec",
    "HashPartitions": "embeddb.schema.layouts",
    "Hit": "embeddb.records",
    "IVFFlat": "embeddb.schema.indexes",
    "IngestReport": "embeddb.records",
    "ListPartitions": "embeddb.schema.layouts",
    "PartialIndexes": "embeddb.schema.layouts",
    "RecallReport": "embeddb.evaluation.recall",
    "SearchOptions": "embeddb.repository.search.options",
    "SearchPlan": "embeddb.records",
    "Store": "embeddb.store",
    "TuneReport": "embeddb.evaluation.index_tuning",
    "connect": "embeddb.store",
    "migrate": "embeddb.store",
}

__all__ = [
    "HNSW",
    "IVFPQ",
    "Advice",
    "Candidate",
    "ChunkerSpec",
    "Collection",
    "Document",
    "EmbedDBError",
    "EmbeddingSpec",
    "HashPartitions",
    "Hit",
    "IVFFlat",
    "IngestReport",
    "ListPartitions",
    "PartialIndexes",
    "RecallReport",
    "SearchOptions",
    "SearchPlan",
    "Store",
    "TuneReport",
    "__version__",
    "connect",
    "migrate",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: `embeddb --help` needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module 'embeddb' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
