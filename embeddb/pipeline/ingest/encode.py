"""The middle stage: gives every chunk its vector, and sets aside documents the model fails on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

import numpy as np

from embeddb.encoders import VectorCache, isolate
from embeddb.errors import EmbedDBError, EncodingError
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.ingest.work import Work
from embeddb.protocols import Encoder
from embeddb.records import Failure, Vector
from embeddb.repository.collections.documents import ReadyDocument

WINDOW = 256
"""Texts in one call of the encoder; the bar moves this often."""


class EncodeStage:
    """Encodes the works of one run; a text that recurs in the run is encoded once.

    Args:
        progress: called with a work, how many of its texts are done and how many there are.
    """

    def __init__(
        self,
        encoder: Encoder,
        form: StoredForm,
        *,
        strict: bool,
        progress: Callable[[Work, int, int], None],
    ) -> None:
        self._encoder = encoder
        self._form = form
        self._strict = strict
        self._progress = progress
        self._cache = VectorCache()

    def works(self, works: Iterable[Work]) -> Generator[Work, None, None]:
        """Fill in the vectors of each work."""
        for work in works:
            self._encode(work)
            yield work

    def _encode(self, work: Work) -> None:
        chunks = [chunk for document in work.documents for chunk in document.chunks]
        vectors = np.zeros((len(chunks), self._form.dim), dtype=np.float32)
        todo: list[int] = []
        for row, chunk in enumerate(chunks):
            known = work.known_vectors.get(chunk.content_hash)
            if known is None:
                todo.append(row)
            else:
                vectors[row] = known
        texts = [(chunks[row].data or b"").decode() for row in todo]
        encoded, failed = self._vectors(work, texts)
        work.encoded = len(texts)
        problems: dict[int, EmbedDBError] = {todo[row]: error for row, error in failed.items()}
        vectors[todo], refused = self._form.vectors(
            encoded, lambda row: f"The vector of chunk {todo[row]} of the batch"
        )
        for row, error in refused.items():
            problems.setdefault(
                todo[row], EncodingError(f"The model gave no usable vector. {error}")
            )
        work.vectors = self._without(work, vectors, problems) if problems else vectors

    def _vectors(self, work: Work, texts: list[str]) -> tuple[Vector, dict[int, EncodingError]]:
        found = isolate(
            self._encoder,
            texts,
            progress=lambda done, total: self._progress(work, done, total),
            window=WINDOW,
            cache=self._cache,
        )
        return found.vectors, found.errors

    def _without(self, work: Work, vectors: Vector, problems: dict[int, EmbedDBError]) -> Vector:
        """Drop the documents that a failing chunk belongs to, and give the other rows."""
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
            work.failures.append(
                Failure(id=document.id, error=type(found).__name__, message=str(found))
            )
        work.documents = kept
        return vectors[rows]
