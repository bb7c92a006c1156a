"""What tests of workers share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

import embeddb
from embeddb.pipeline.ingest.work import Work
from embeddb.repository.collections.documents import ReadyChunk, ReadyDocument
from embeddb.repository.queue.jobs import Claim, Job
from embeddb.worker.batch import JobBatch
from embeddb.worker.collection import LoadedCollection, WorkerCollection


def attach(
    store: embeddb.Store, source: str, text: str, *, model: object, **others: object
) -> embeddb.Collection:
    """Attach a collection to a table, with any model."""
    return store.attach(source, text=text, model=model, **others)  # type: ignore[arg-type]


def claim(*keys: str, attempts: int = 1) -> Claim:
    """Return a claim of these keys, as if they had been claimed so many times."""
    now = datetime.now(UTC)
    jobs = (Job(key=key, version=1, attempts=attempts, enqueued_at=now) for key in keys)
    return Claim(collection=1, token=uuid4(), jobs=tuple(jobs))


def batch(claimed: Claim) -> JobBatch:
    """Return a batch without work, for what does not look at its collection."""
    return JobBatch(
        collection=cast(WorkerCollection, None),
        loaded=cast(LoadedCollection, None),
        claim=claimed,
        work=Work(),
    )


def document(id: str, chunks: int) -> ReadyDocument:
    """Return a document of so many chunks."""
    chunk = ReadyChunk(b"text", (0, 4), b"hash")
    return ReadyDocument(
        id=id,
        id_data=id.encode(),
        data=b"text",
        metadata=b"{}",
        uri=None,
        media_type=None,
        content_hash=b"hash",
        chunks=(chunk,) * chunks,
    )
