"""An ingest: read → validate → chunk → encode → write, with all stages at work at the same time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import NamedTuple

from embeddb.chunkers import ChunkerSpec, make_chunker
from embeddb.db.database import Database
from embeddb.errors import DocumentError, IngestAbortedError, ModelError, PruneRefusedError
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.pipeline.ingest.encode import EncodeStage
from embeddb.pipeline.ingest.ownership import Ownership
from embeddb.pipeline.ingest.prefetch import prefetch
from embeddb.pipeline.ingest.prepare import Preparer
from embeddb.pipeline.ingest.tally import Tally
from embeddb.pipeline.ingest.work import Work
from embeddb.pipeline.ingest.write import Writer
from embeddb.protocols import Encoder, Source, TypedSource
from embeddb.records import SourceItem
from embeddb.repository.collections.documents import Documents
from embeddb.schema.catalog import CollectionRecord

WORKS_AHEAD = 2
"""Batches read and chunked before the encoder needs them: memory stays at a few batches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run over one source: its stages, made for one collection."""

    documents: Documents
    preparer: Preparer
    form: StoredForm
    encoder: Encoder | None
    writer: Callable[[], Writer]
    ownership: Ownership
    strict: bool

    @classmethod
    def of(
        cls,
        database: Database,
        record: CollectionRecord,
        model: BoundModel,
        form: StoredForm,
        *,
        fresh: bool,
        strict: bool,
        ownership: Ownership | None = None,
        id_prefix: str = "",
    ) -> Run:
        """Return a run on a collection: `fresh` if it is empty, `strict` to stop at an error."""
        ownership = ownership or Ownership()
        generation = record.generation
        documents = Documents(database, record)
        tokenizer = capacity = chunker = None
        if generation.model is not None:
            tokenizer, capacity = model.tokenizer(), model.capacity()
            chunker = make_chunker(ChunkerSpec.stored(generation.chunker), tokenizer, capacity)
        return cls(
            documents=documents,
            preparer=Preparer(
                documents,
                generation,
                form,
                chunker=chunker,
                tokenizer=tokenizer,
                capacity=capacity,
                fresh=fresh,
                strict=strict,
                encoding=database.server.encoding,
                ownership=ownership,
                id_prefix=id_prefix,
            ),
            form=form,
            encoder=None if generation.model is None else model.encoder,
            writer=lambda: Writer(database, documents, dim=form.dim, fresh=fresh, strict=strict),
            ownership=ownership,
            strict=strict,
        )

    def stream(self, source: Source, tally: Tally) -> None:
        """Write batch by batch; a batch that is written stays, whatever comes after it.

        Raises:
            IngestAbortedError: the run is strict, and a document could not be taken.
        """
        tally.total = source.count()
        works = self._encoded(source.documents())
        try:
            with self.writer() as writer, closing(works):
                self._write(works, writer, tally)
        except (DocumentError, ModelError) as error:
            if not self.strict:
                raise
            raise IngestAbortedError(
                f"{error} The documents before it are written: correct it and run again, or run "
                "without strict."
            ) from error
        finally:
            if isinstance(source, TypedSource):
                tally.types = source.types()

    def _write(self, works: Iterable[Work], writer: Writer, tally: Tally) -> None:
        """Write each batch, and count it once it is written; the next is encoded meanwhile.

        The encoder stays in the caller's thread: PyTorch is slower in others, each of which starts
        a pool of its own. Without an encoder both sides are Python, and only take turns.
        """
        if self.encoder is None:
            for work in works:
                writer.write(work)
                tally.written(work)
            return
        with ThreadPoolExecutor(1, thread_name_prefix="embeddb-behind") as behind:
            before: _Writing | None = None
            try:
                for work in works:
                    _counted(before, tally)
                    before = None
                    before = _Writing(behind.submit(writer.write, work), work)
            except BaseException:
                with suppress(Exception):  # what is encoded is kept, even after Ctrl-C
                    _counted(before, tally)
                raise
            _counted(before, tally)

    def at_once(self, documents: Iterable[SourceItem], tally: Tally) -> None:
        """Write everything in one transaction: all of it, or nothing on any error."""
        works = list(self._encoded(iter(documents), whole=True))
        with self.writer() as writer:
            writer.write_all(works)
        for work in works:
            tally.written(work)

    def gone(self, tally: Tally, *, force: bool) -> list[str]:
        """Return the ids of the source's documents that it did not have this time.

        Args:
            tally: what the run counted, its failures among it.
            force: whether they may be all of them, or more than half.

        Raises:
            PruneRefusedError: a failure names no document, so that any of them may still be there;
                or too many are gone.
        """
        unknown = next((one for one in tally.failures if not one.document), None)
        if unknown is not None:
            raise PruneRefusedError(
                f"Nothing is pruned: {unknown.id} could not be read ({unknown.message}), so nobody "
                "knows which document it is. Correct or remove it, and run again."
            )
        seen, stored, gone = self.preparer.seen, 0, []
        own = self.ownership.own
        for id in self.documents.ids_of_source(self.ownership.id):
            stored += 1
            if hash(id) not in seen:
                gone.append(id)
        if not force and 2 * len(gone) > stored:
            name = "that have no source" if own is None else f"of the source {own.name!r}"
            found = "The source has no documents at all" if tally.seen == 0 else "Nothing is pruned"
            raise PruneRefusedError(
                f"{found}: {len(gone):,} of the {stored:,} documents {name} would be deleted, more "
                "than half. If they are to go, prune with force=True (--force)."
            )
        return gone

    def _encoded(
        self, documents: Iterator[SourceItem], *, whole: bool = False
    ) -> Generator[Work, None, None]:
        """Yield what is ready to be written; `whole` batches where they are written together."""
        works = self.preparer.batches(documents)
        if self.encoder is None:
            return works
        stage = EncodeStage(self.encoder, self.form, strict=self.strict)
        return stage.whole(works) if whole else stage.parts(prefetch(works, WORKS_AHEAD))


class _Writing(NamedTuple):
    """A batch that is being written."""

    done: Future[None]
    work: Work


def _counted(writing: _Writing | None, tally: Tally) -> None:
    """Wait until a batch is written, and count it."""
    if writing is not None:
        writing.done.result()
        tally.written(writing.work)
