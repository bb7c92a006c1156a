"""An ingest: read → check → chunk → encode → write, each stage working while the next one does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from embeddb.errors import DocumentError, IngestAbortedError, ModelError
from embeddb.pipeline.display import Display
from embeddb.pipeline.encode import EncodeStage
from embeddb.pipeline.prefetch import prefetch
from embeddb.pipeline.prepare import Preparer
from embeddb.pipeline.work import Work
from embeddb.pipeline.write import Writer
from embeddb.protocols import Encoder, Source
from embeddb.records import Document, Failure, IngestReport
from embeddb.schema.catalog import Generation

WORKS_AHEAD = 2
"""Batches read and chunked before the encoder needs them: memory stays at a few batches."""


@dataclass(kw_only=True, slots=True)
class Tally:
    """Adds up what a run did."""

    display: Display
    total: int | None = None
    started: float = field(default_factory=time.monotonic)
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    chunks: int = 0
    encoded: int = 0
    seen: int = 0
    failures: list[Failure] = field(default_factory=list)
    repaired: list[Failure] = field(default_factory=list)

    def encoding(self, work: Work, done: int, total: int) -> None:
        """Show a batch that is being encoded as a fraction of its documents."""
        self.display.documents(self.seen + work.seen * done / max(total, 1), self.total)

    def written(self, work: Work) -> None:
        """Count a batch that is in the database."""
        replaced = sum(document.id in work.updated for document in work.documents)
        self.added += len(work.documents) - replaced
        self.updated += replaced + len(work.metadata_changes)
        self.unchanged += work.unchanged
        self.chunks += work.chunks
        self.encoded += work.encoded
        self.seen += work.seen
        self.failures += work.failures
        self.repaired += work.repaired
        self.display.documents(self.seen, self.total)

    def report(self, deleted: int = 0) -> IngestReport:
        """Give the totals."""
        return IngestReport(
            added=self.added,
            updated=self.updated,
            unchanged=self.unchanged,
            deleted=deleted,
            failed=len(self.failures),
            chunks=self.chunks,
            encoded=self.encoded,
            seconds=round(time.monotonic() - self.started, 3),
            failures=tuple(self.failures),
            repaired=tuple(self.repaired),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run over one source: its stages, made for this collection."""

    preparer: Preparer
    generation: Generation
    encoder: Encoder | None
    writer: Callable[[], Writer]
    strict: bool

    def stream(self, source: Source, tally: Tally) -> None:
        """Write batch by batch; each is kept whatever comes after it.

        Raises:
            IngestAbortedError: strict, and a document could not be taken.
        """
        tally.total = source.count()
        works = prefetch(self._encoded(source.documents(), tally))
        try:
            with self.writer() as writer, closing(works):  # type: ignore[type-var]
                for work in works:
                    writer.write(work)
                    tally.written(work)
        except (DocumentError, ModelError) as error:
            if not self.strict:
                raise
            raise IngestAbortedError(
                f"{error} The documents before it are kept; mend it and run again, or run "
                "without strict."
            ) from error

    def at_once(self, documents: Iterable[Document | Failure], tally: Tally) -> None:
        """Write everything in one transaction: all of it or, on any error, nothing."""
        works = list(self._encoded(iter(documents), tally, ahead=0))
        with self.writer() as writer:
            writer.write_all(works)
        for work in works:
            tally.written(work)

    def _encoded(
        self, documents: Iterator[Document | Failure], tally: Tally, ahead: int = WORKS_AHEAD
    ) -> Iterator[Work]:
        works = self.preparer.batches(documents)
        if self.encoder is None:
            return works
        stage = EncodeStage(
            self.encoder, self.generation, strict=self.strict, progress=tally.encoding
        )
        return stage.works(prefetch(works, ahead) if ahead else works)
