"""An ingest: read → validate → chunk → encode → write, with all stages at work at the same time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from embeddb.chunkers import ChunkerSpec, make_chunker
from embeddb.db.database import Database
from embeddb.errors import ConfigurationError, DocumentError, IngestAbortedError, ModelError
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.pipeline.ingest.encode import EncodeStage
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
    ) -> Run:
        """Return a run on a collection: `fresh` if it is empty, `strict` to stop at an error."""
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
            ),
            form=form,
            encoder=None if generation.model is None else model.encoder,
            writer=lambda: Writer(database, documents, dim=form.dim, fresh=fresh),
            strict=strict,
        )

    def stream(self, source: Source, tally: Tally) -> None:
        """Write batch by batch; a batch that is written stays, whatever comes after it.

        Raises:
            IngestAbortedError: the run is strict, and a document could not be taken.
        """
        tally.total = source.count()
        works = self._encoded(source.documents(), tally)
        try:
            with self.writer() as writer, closing(works):
                for work in self._written(works, writer):
                    tally.written(work)
            if isinstance(source, TypedSource):
                tally.types = source.types()
        except (DocumentError, ModelError) as error:
            if not self.strict:
                raise
            raise IngestAbortedError(
                f"{error} The documents before it are written: correct it and run again, or run "
                "without strict."
            ) from error

    def _written(self, works: Iterable[Work], writer: Writer) -> Iterator[Work]:
        """Yield each batch once it is written; the next one is encoded meanwhile.

        The encoder stays in the caller's thread: PyTorch is slower in others, each of which starts
        a pool of its own. Without an encoder both sides are Python, and only take turns.
        """
        if self.encoder is None:
            for work in works:
                writer.write(work)
                yield work
            return
        with ThreadPoolExecutor(1, thread_name_prefix="embeddb-behind") as behind:
            before: tuple[Future[None], Work] | None = None
            for work in works:
                if before is not None:
                    before[0].result()
                    yield before[1]
                before = behind.submit(writer.write, work), work
            if before is not None:
                before[0].result()
                yield before[1]

    def at_once(self, documents: Iterable[SourceItem], tally: Tally) -> None:
        """Write everything in one transaction: all of it, or nothing on any error."""
        works = list(self._encoded(iter(documents), tally, ahead=0))
        with self.writer() as writer:
            writer.write_all(works)
        for work in works:
            tally.written(work)

    def prune(self, tally: Tally) -> int:
        """Delete the documents that the source did not have, and return their number.

        Raises:
            ConfigurationError: the source had no documents at all.
        """
        if tally.seen == 0:
            raise ConfigurationError(
                "The source has no documents at all, so pruning would empty the collection; "
                "if that is what you want, drop it or delete its documents."
            )
        seen = self.preparer.seen
        gone = [id for id in self.documents.all_ids() if hash(id) not in seen]
        return self.documents.delete_ids(gone)

    def _encoded(
        self, documents: Iterator[SourceItem], tally: Tally, ahead: int = WORKS_AHEAD
    ) -> Generator[Work, None, None]:
        works = self.preparer.batches(documents)
        if self.encoder is None:
            return works
        stage = EncodeStage(self.encoder, self.form, strict=self.strict, progress=tally.encoding)
        return stage.works(prefetch(works, ahead) if ahead else works)
