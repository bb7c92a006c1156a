"""What travels between a lane's stages: a part of a claim, cut into chunks, then encoded."""

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
    """What is wrong with a row; `lasting`: nothing but a change of the row will help."""

    fault: JobFailure
    lasting: bool = False


@dataclass(kw_only=True, slots=True)
class JobBatch:
    """Jobs that are finished together.

    Attributes:
        work: the documents whose chunks are to be replaced.
        gone: keys of rows that are not there any more, or hold no text: their chunks go.
        same: keys of rows whose chunks are what they should be.
        problems: keys of rows that cannot be taken, and why.
    """

    member: WorkerCollection
    opened: LoadedCollection
    claim: Claim
    work: Work = field(default_factory=Work)
    gone: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    problems: dict[str, RowError] = field(default_factory=dict)

    @property
    def ready(self) -> list[str]:
        """Give the keys that can be finished."""
        return [*(document.id for document in self.work.documents), *self.gone, *self.same]

    @property
    def keys(self) -> list[str]:
        """Give all keys."""
        return [*self.ready, *self.problems]

    @property
    def vectors(self) -> Vector:
        """Give the vectors of all chunks in order, shape (n, dim)."""
        if self.work.vectors is None:
            return empty_vectors(self.opened.form.dim)
        return self.work.vectors

    def of(self, keys: set[str]) -> tuple[list[ReadyDocument], Vector]:
        """Give those of the documents, and their vectors."""
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
        """Give two parcels of half the rows each; problems go with the first."""
        ready = self.ready
        middle = len(ready) // 2
        for part in (set(ready[:middle]), set(ready[middle:])):
            documents, vectors = self.of(part)
            yield JobBatch(
                member=self.member,
                opened=self.opened,
                claim=self.claim,
                work=Work(documents=documents, vectors=vectors),
                gone=[key for key in self.gone if key in part],
                same=[key for key in self.same if key in part],
            )


def groups(documents: Sequence[ReadyDocument], chunks: int) -> Iterator[list[ReadyDocument]]:
    """Share documents out so that each group has about so many chunks; a document stays whole."""
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
