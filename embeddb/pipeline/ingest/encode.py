"""The middle stage: encodes every chunk, and sets aside documents that the model fails on."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import TypeAlias

import numpy as np

from embeddb.chunkers import with_context
from embeddb.encoders import VectorCache, isolate
from embeddb.errors import EmbedDBError, EncodingError
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.ingest.pace import Pace
from embeddb.pipeline.ingest.work import Work, failure_of
from embeddb.protocols import Encoder
from embeddb.records import Input, Vector
from embeddb.repository.collections.documents import ReadyChunk, ReadyDocument

WINDOW = 256
"""The most inputs in one call of the encoder; progress is reported this often."""

Reader: TypeAlias = Callable[[ReadyChunk], Input]
"""Makes of a chunk what the encoder is given."""


def read_text(chunk: ReadyChunk) -> str:
    """Return the text of a chunk behind its context; one without any is empty."""
    return with_context(chunk.context, (chunk.data or b"").decode())


class EncodeStage:
    """Encodes the works of one run; an input that recurs in the run is encoded once.

    Args:
        encoder: the collection's model, for the media that its chunks are of.
        form: what the collection makes of a vector.
        strict: whether to stop at the first document that the model fails on.
        progress: called with a work, how many of its inputs are done and how many there are.
        read: makes of a chunk what the encoder is given.
        clock: seconds, by which parts of a batch are measured.
    """

    def __init__(
        self,
        encoder: Encoder,
        form: StoredForm,
        *,
        strict: bool,
        progress: Callable[[Work, int, int], None] | None = None,
        read: Reader = read_text,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._encoder = encoder
        self._form = form
        self._strict = strict
        self._progress = progress
        self._read = read
        self._clock = clock
        self._pace = Pace()
        self._cache = VectorCache()

    def whole(self, works: Iterable[Work]) -> Generator[Work, None, None]:
        """Yield each work with its vectors."""
        for work in works:
            self.encode(work)
            yield work

    def parts(self, works: Iterable[Work]) -> Generator[Work, None, None]:
        """Yield each work with its vectors, in parts that take a few seconds to encode."""
        for work in works:
            rest: Work | None = work
            while rest is not None:
                part, rest = rest.split(self._pace.chunks)
                started = self._clock()
                self.encode(part)
                self._pace.measured(part.encoded, self._clock() - started)
                yield part

    def encode(self, work: Work) -> None:
        """Add the vectors to a work; documents that the model fails on become failures of it."""
        chunks = [chunk for document in work.documents for chunk in document.chunks]
        vectors = np.zeros((len(chunks), self._form.dim), dtype=np.float32)
        todo: list[int] = []
        for row, chunk in enumerate(chunks):
            known = work.known_vectors.get(chunk.content_hash)
            if known is None:
                todo.append(row)
            else:
                vectors[row] = known
        encoded, failed = self._vectors(work, [self._read(chunks[row]) for row in todo])
        work.encoded = len(todo)
        problems: dict[int, EmbedDBError] = {todo[row]: error for row, error in failed.items()}
        vectors[todo], refused = self._form.vectors(
            encoded, lambda row: f"The vector of chunk {todo[row]} of the batch"
        )
        for row, error in refused.items():
            problems.setdefault(
                todo[row], EncodingError(f"The model gave no usable vector. {error}")
            )
        work.vectors = self._without(work, vectors, problems) if problems else vectors

    def _vectors(self, work: Work, inputs: list[Input]) -> tuple[Vector, dict[int, EncodingError]]:
        found = isolate(
            self._encoder,
            inputs,
            progress=None if self._progress is None else partial(self._progress, work),
            window=WINDOW,
            cache=self._cache,
        )
        return found.vectors, found.errors

    def _without(self, work: Work, vectors: Vector, problems: dict[int, EmbedDBError]) -> Vector:
        """Drop the documents with a failing chunk, and return the rows of the others."""
        kept: list[ReadyDocument] = []
        rows: list[int] = []
        start = 0
        for document in work.documents:
            own = range(start, start + len(document.chunks))
            start = own.stop
            found = next((problems[row] for row in own if row in problems), None)
            if found is None:
                kept.append(document)
                rows.extend(own)
                continue
            if self._strict:
                raise EncodingError(f"Document {document.id!r}: {found}")
            work.failures.append(failure_of(document.id, found))
        work.documents = kept
        return vectors[rows]
