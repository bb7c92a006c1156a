"""The first stage: reads the rows of claimed jobs, leaves out what is unchanged, cuts the rest."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from embeddb.db.database import Connection
from embeddb.errors import EmbedDBError
from embeddb.pipeline.ingest.work import Work
from embeddb.records import Document
from embeddb.repository.attached.rows import SourceRow, StoredChunk
from embeddb.repository.collections.documents import ReadyChunk, ReadyDocument
from embeddb.repository.queue.jobs import ATTEMPTS_UNTIL_ALONE, Claim, JobFailure
from embeddb.schema.attached_ddl import source_of
from embeddb.worker.batch import JobBatch, RowError, group_by_size
from embeddb.worker.collection import LoadedCollection, WorkerCollection
from embeddb.worker.failures import is_of_one_row, row_failure
from embeddb.worker.parsing import document_of

BATCH_CHUNKS = 1024
"""Chunks that are encoded and written together: what the death of a worker throws away."""

_DIED = (
    "The worker died {count} times while it was at work on this row, the last time on nothing "
    "else: it may have been out of memory. Change the row, or give the worker more, and "
    "`embeddb jobs retry`."
)


def prepare(
    connection: Connection,
    collection: WorkerCollection,
    loaded: LoadedCollection,
    claim: Claim,
    *,
    max_attempts: int,
) -> list[JobBatch]:
    """Read the rows of a claim and cut them into chunks.

    Returns:
        Batches that are encoded one by one. The first has the jobs that need no encoding, and the
        rows that cannot be taken.
    """
    deadly = deadly_jobs(claim, max_attempts)
    keys = [key for key in claim.keys if key not in deadly]
    rows, unreadable = read_rows(loaded, connection, keys)
    first = JobBatch(collection=collection, loaded=loaded, claim=claim)
    first.errors |= deadly | {key: RowError(why) for key, why in unreadable.items()}
    texts = {key: row for key, row in rows.items() if (row.content or "").strip()}
    first.gone = [key for key in keys if key not in texts and key not in unreadable]
    documents = _cut(first, _parsed(first, list(texts.values())))
    stored = loaded.chunks.stored(connection, [document.id for document in documents])
    changed = _changed(first, documents, stored)
    replaced = [document.id for document in changed if document.id in stored]
    known = loaded.chunks.chunk_vectors(replaced) if replaced else {}
    batches = [first] if first.keys else []
    for group in group_by_size(changed, BATCH_CHUNKS):
        work = Work(documents=group, known_vectors=known)
        batches.append(JobBatch(collection=collection, loaded=loaded, claim=claim, work=work))
    return batches


def read_rows(
    loaded: LoadedCollection, connection: Connection, keys: Sequence[str]
) -> tuple[dict[str, SourceRow], dict[str, JobFailure]]:
    """Read rows; where an expression fails on some, halve until those stand alone.

    Returns:
        The rows by key, and why the others cannot be read, by key.
    """
    if not keys:
        return {}, {}
    try:
        return loaded.rows.read(connection, keys), {}
    except Exception as error:
        if not is_of_one_row(error):
            raise
        if len(keys) == 1:
            return {}, {keys[0]: row_failure(error)}
    middle = len(keys) // 2
    rows, failures = read_rows(loaded, connection, keys[:middle])
    more_rows, more_failures = read_rows(loaded, connection, keys[middle:])
    return rows | more_rows, failures | more_failures


def deadly_jobs(claim: Claim, max_attempts: int) -> dict[str, RowError]:
    """Return the jobs that were claimed alone before and never came back, with what is to blame."""
    limit = max(max_attempts, ATTEMPTS_UNTIL_ALONE)
    return {
        job.key: RowError(
            JobFailure("WorkerDiedError", _DIED.format(count=job.attempts - 1)), lasting=True
        )
        for job in claim.jobs
        if job.attempts > limit
    }


def _parsed(batch: JobBatch, rows: Sequence[SourceRow]) -> list[Document]:
    """Return rows as documents; where no text can be had of one, that becomes an error."""
    source = source_of(batch.loaded.record)
    documents: list[Document] = []
    for row in rows:
        try:
            documents.append(document_of(source, row))
        except EmbedDBError as error:
            why = JobFailure(type(error).__name__, str(error))
            batch.errors[row.id] = RowError(why, lasting=True)
    batch.gone += [one.id for one in documents if not (one.content or "").strip()]
    return [one for one in documents if (one.content or "").strip()]


def _cut(batch: JobBatch, documents: Sequence[Document]) -> list[ReadyDocument]:
    """Cut documents into chunks; those that no model could take become the batch's errors."""
    cut: list[ReadyDocument] = []
    for work in batch.loaded.preparer().batches(documents):
        cut += work.documents
        for failure in work.failures:
            why = JobFailure(failure.error, failure.message)
            batch.errors[failure.id] = RowError(why, lasting=True)
    return cut


def _changed(
    batch: JobBatch, documents: Sequence[ReadyDocument], stored: dict[str, list[StoredChunk]]
) -> list[ReadyDocument]:
    """Return the documents that are not stored as they are; the batch gets the keys of the rest."""
    # where chunks lie by a field of the metadata, that field may have changed and the text not
    by_text_alone = batch.loaded.record.generation.layout is None
    changed: list[ReadyDocument] = []
    for document in documents:
        if by_text_alone and stored.get(document.id) == list(map(_as_stored, document.chunks)):
            batch.unchanged.append(document.id)
        else:
            changed.append(document)
    return changed


def _as_stored(chunk: ReadyChunk) -> StoredChunk:
    """Return a chunk as Postgres has it: a span of length 0 has no bounds there."""
    location = None if chunk.location is None else orjson.loads(chunk.location)
    start, stop = chunk.span
    if start < stop:
        return StoredChunk(chunk.content_hash, start, stop, location)
    return StoredChunk(chunk.content_hash, None, None, location)
