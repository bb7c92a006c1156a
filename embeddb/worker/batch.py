"""What travels between a pipeline's stages: a part of a claim, cut into chunks, then encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from embeddb.pipeline.ingest.work import Work
from embeddb.records import Vector
from embeddb.repository.collections.documents import ReadyDocument, empty_vectors
from embeddb.repository.queue.jobs import Claim, JobFailure
from embeddb.worker.collection import LoadedCollection, WorkerCollection


class RowError(NamedTuple):
    """What is wrong with a row; `lasting` where nothing but a change of the row will help."""

    failure: JobFailure
    lasting: bool = False


@dataclass(kw_only=True, slots=True)
class JobBatch:
    """Jobs of one claim that are finished together.

    Attributes:
        collection: the collection that the jobs belong to.
        loaded: its generation when the rows were read.
        claim: the claim that the jobs belong to.
        work: the documents whose chunks are to be replaced.
        gone: keys of rows that are not there any more, or hold no text: their chunks are removed.
        unchanged: keys of rows whose chunks are stored as they should be.
        errors: what is wrong with rows that cannot be taken, by key.
    """

    collection: WorkerCollection
    loaded: LoadedCollection
    claim: Claim
    work: Work = field(default_factory=Work)
    gone: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    errors: dict[str, RowError] = field(default_factory=dict)

    @property
    def ready(self) -> list[str]:
        """The keys of the jobs that can be finished."""
        return [*(document.id for document in self.work.documents), *self.gone, *self.unchanged]

    @property
    def keys(self) -> list[str]:
        """The keys of all jobs."""
        return [*self.ready, *self.errors]

    @property
    def vectors(self) -> Vector:
        """The vectors of all chunks in order, shape (n, dim); n is 0 until they are encoded."""
        if self.work.vectors is None:
            return empty_vectors(self.loaded.form.dim)
        return self.work.vectors

    def select(self, keys: set[str]) -> tuple[list[ReadyDocument], Vector]:
        """Return the documents of these keys, and the vectors of their chunks, shape (n, dim)."""
        kept: list[ReadyDocument] = []
        rows: list[int] = []
        start = 0
        for document in self.work.documents:
            stop = start + len(document.chunks)
            if document.id in keys:
                kept.append(document)
                rows.extend(range(start, stop))
            start = stop
        vectors = self.vectors
        return kept, vectors if len(rows) == len(vectors) else vectors[rows]

    def halves(self) -> Iterator[JobBatch]:
        """Yield two batches with half of the jobs each that can be finished, and no errors."""
        ready = self.ready
        middle = len(ready) // 2
        for part in (set(ready[:middle]), set(ready[middle:])):
            documents, vectors = self.select(part)
            yield JobBatch(
                collection=self.collection,
                loaded=self.loaded,
                claim=self.claim,
                work=Work(documents=documents, vectors=vectors),
                gone=[key for key in self.gone if key in part],
                unchanged=[key for key in self.unchanged if key in part],
            )


def group_by_size(documents: Sequence[ReadyDocument], chunks: int) -> Iterator[list[ReadyDocument]]:
    """Yield groups of documents in order, each of at most so many chunks or of one document."""
    group: list[ReadyDocument] = []
    size = 0
    for document in documents:
        if group and size + len(document.chunks) > chunks:
            yield group
            group, size = [], 0
        group.append(document)
        size += len(document.chunks)
    if group:
        yield group
