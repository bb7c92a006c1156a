"""Embeddings as a first-class, migratable part of a Postgres schema."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from embeddb.version import __version__

if TYPE_CHECKING:
    from embeddb.chunkers import ChunkerSpec
    from embeddb.collection import Collection
    from embeddb.diagnostics.describe import CollectionStatus
    from embeddb.diagnostics.findings import DoctorReport, Finding
    from embeddb.diagnostics.jobs import JobQueue
    from embeddb.diagnostics.status import StoreStatus
    from embeddb.errors import EmbedDBError, EmbedDBWarning
    from embeddb.evaluation.compression.advice import Advice
    from embeddb.evaluation.compression.candidates import Candidate
    from embeddb.evaluation.index_tuning import TuneReport
    from embeddb.evaluation.recall import RecallReport
    from embeddb.records import Document, Hit, IngestReport, SearchPlan
    from embeddb.repository.queue.jobs import FailedJob, QueueCounts, QueuedJob
    from embeddb.repository.queue.workers import WorkerInfo
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
    "CollectionStatus": "embeddb.diagnostics.describe",
    "DoctorReport": "embeddb.diagnostics.findings",
    "Document": "embeddb.records",
    "EmbedDBError": "embeddb.errors",
    "EmbedDBWarning": "embeddb.errors",
    "EmbeddingSpec": "embeddb.schema.spec",
    "FailedJob": "embeddb.repository.queue.jobs",
    "Finding": "embeddb.diagnostics.findings",
    "HashPartitions": "embeddb.schema.layouts",
    "Hit": "embeddb.records",
    "IVFFlat": "embeddb.schema.indexes",
    "IngestReport": "embeddb.records",
    "JobQueue": "embeddb.diagnostics.jobs",
    "ListPartitions": "embeddb.schema.layouts",
    "PartialIndexes": "embeddb.schema.layouts",
    "QueueCounts": "embeddb.repository.queue.jobs",
    "QueuedJob": "embeddb.repository.queue.jobs",
    "RecallReport": "embeddb.evaluation.recall",
    "SearchOptions": "embeddb.repository.search.options",
    "SearchPlan": "embeddb.records",
    "Store": "embeddb.store",
    "StoreStatus": "embeddb.diagnostics.status",
    "TuneReport": "embeddb.evaluation.index_tuning",
    "WorkerInfo": "embeddb.repository.queue.workers",
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
    "CollectionStatus",
    "DoctorReport",
    "Document",
    "EmbedDBError",
    "EmbedDBWarning",
    "EmbeddingSpec",
    "FailedJob",
    "Finding",
    "HashPartitions",
    "Hit",
    "IVFFlat",
    "IngestReport",
    "JobQueue",
    "ListPartitions",
    "PartialIndexes",
    "QueueCounts",
    "QueuedJob",
    "RecallReport",
    "SearchOptions",
    "SearchPlan",
    "Store",
    "StoreStatus",
    "TuneReport",
    "WorkerInfo",
    "__version__",
    "connect",
    "migrate",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for: `embeddb --help` needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module 'embeddb' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the public names too, whether they were asked for before or not."""
    return sorted({*globals(), *__all__})
