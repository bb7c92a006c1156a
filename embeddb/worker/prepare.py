"""The first stage: reads the rows of claimed jobs, leaves out what is unchanged, cuts the rest."""

from __future__ import annotations

from collections.abc import Sequence

from embeddb.db.database import Connection
from embeddb.db.queries import query
from embeddb.pipeline.ingest.work import Work
from embeddb.records import Document, Vector
from embeddb.repository.attached.rows import SourceRow
from embeddb.repository.collections.documents import ReadyDocument
from embeddb.repository.queue.jobs import ATTEMPTS_UNTIL_ALONE, Claim, JobFailure
from embeddb.worker.batch import JobBatch, RowError, groups
from embeddb.worker.collection import LoadedCollection, WorkerCollection
from embeddb.worker.failures import fault, is_of_one_row

PARCEL_CHUNKS = 1024
"""Chunks encoded and written together: what the crash of a worker throws away."""

_DIED = (
    "The worker died {count} times while it was at work on this row, the last time on nothing "
    "else: it may have been out of memory. Change the row, or give the worker more, and "
    "`embeddb jobs retry`."
)


def prepare(
    connection: Connection,
    member: WorkerCollection,
    opened: LoadedCollection,
    claim: Claim,
    *,
    max_attempts: int,
) -> list[JobBatch]:
    """Read the rows of a claim and cut them into chunks, in parcels that are encoded one by one."""
    deadly = _deadly(claim, max_attempts)
    alive = [key for key in claim.keys if key not in deadly]
    rows, unreadable = read_rows(opened, connection, alive)
    first = JobBatch(member=member, opened=opened, claim=claim)
    first.problems |= deadly | {key: RowError(why) for key, why in unreadable.items()}
    texts = {key: row for key, row in rows.items() if (row.content or "").strip()}
    first.gone = [key for key in alive if key not in texts and key not in unreadable]
    documents = _cut(first, list(texts.values()))
    changed = _changed(connection, first, documents)
    known = _known_vectors(opened, [document.id for document, stored in changed if stored])
    parcels = [first] if first.keys else []
    for group in groups([document for document, _ in changed], PARCEL_CHUNKS):
        work = Work(documents=group, known_vectors=known)
        parcels.append(JobBatch(member=member, opened=opened, claim=claim, work=work))
    return parcels


def read_rows(
    opened: LoadedCollection, connection: Connection, keys: Sequence[str]
) -> tuple[dict[str, SourceRow], dict[str, JobFailure]]:
    """Read rows; where an expression fails, halve until the rows at fault stand alone."""
    if not keys:
        return {}, {}
    try:
        return opened.rows.read(connection, keys), {}
    except Exception as error:
        if not is_of_one_row(error):
            raise
        if len(keys) == 1:
            return {}, {keys[0]: fault(error)}
    middle = len(keys) // 2
    rows, faults = read_rows(opened, connection, keys[:middle])
    more_rows, more_faults = read_rows(opened, connection, keys[middle:])
    return rows | more_rows, faults | more_faults


def _deadly(claim: Claim, max_attempts: int) -> dict[str, RowError]:
    """Find the jobs that were claimed alone before, and never came back."""
    limit = max(max_attempts, ATTEMPTS_UNTIL_ALONE)
    return {
        job.key: RowError(
            JobFailure("WorkerDiedError", _DIED.format(count=job.attempts - 1)), lasting=True
        )
        for job in claim.jobs
        if job.attempts > limit
    }


def _cut(parcel: JobBatch, rows: Sequence[SourceRow]) -> list[ReadyDocument]:
    documents = (Document(id=row.id, content=row.content, metadata=row.metadata) for row in rows)
    cut: list[ReadyDocument] = []
    for work in parcel.opened.preparer().batches(documents):
        cut += work.documents
        for failure in work.failures:
            reason = JobFailure(failure.error, failure.message)
            parcel.problems[failure.id] = RowError(reason, lasting=True)
    return cut


def _changed(
    connection: Connection, parcel: JobBatch, documents: Sequence[ReadyDocument]
) -> list[tuple[ReadyDocument, bool]]:
    """Leave the documents whose chunks are not stored as they are, and say which have some."""
    record = parcel.opened.record
    statement = query("jobs.stored_chunks", chunks=record.tables.chunks)
    ids = [document.id for document in documents]
    found = connection.execute(statement, {"ids": ids}).fetchall() if ids else []
    stored = {row[0]: list(zip(row[1], row[2], row[3], strict=True)) for row in found}
    changed: list[tuple[ReadyDocument, bool]] = []
    for document in documents:
        own = [(chunk.content_hash, *_span(chunk.span)) for chunk in document.chunks]
        # where chunks lie by a field of the metadata, that may have changed
        if record.generation.layout is None and stored.get(document.id) == own:
            parcel.same.append(document.id)
        else:
            changed.append((document, document.id in stored))
    return changed


def _span(span: tuple[int, int]) -> tuple[int | None, int | None]:
    """Give a span as Postgres does: one of length 0 has no bounds."""
    return span if span[0] < span[1] else (None, None)


def _known_vectors(opened: LoadedCollection, ids: Sequence[str]) -> dict[bytes, Vector]:
    return opened.chunks.chunk_vectors(ids) if ids else {}
