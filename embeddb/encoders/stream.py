"""Encode many texts: each once, in windows of similar length, with one bad text at fault alone.

Every function gives its rows in the caller's order. Within a call no text is encoded twice;
across calls a `VectorCache` remembers the latest texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from embeddb.encoders.cache import VectorCache
from embeddb.errors import EmbedDBError, EncodingError
from embeddb.protocols import Encoder, Progress
from embeddb.records import Role, Vector

WINDOW = 256
"""Texts for one call of an encoder: enough to sort by length, few enough to show progress."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Isolated:
    """What could be encoded, and what could not.

    Attributes:
        vectors: shape (n, dim); NaN in the rows of the texts that failed.
        errors: the error of each failed text, by its index.
    """

    vectors: Vector
    errors: dict[int, EncodingError]


def encode_texts(
    encoder: Encoder,
    texts: Sequence[str],
    role: Role = "document",
    *,
    progress: Progress | None = None,
    window: int = WINDOW,
    cache: VectorCache | None = None,
) -> Vector:
    """Encode texts: float32, shape (len(texts), dim).

    Args:
        encoder: what encodes.
        texts: may hold the same text many times.
        role: what the texts are to the model.
        progress: called after each window with the texts done so far, and all there are.
        window: the most texts in one call of the encoder.
        cache: vectors of earlier calls with the same encoder; new ones are added.

    Raises:
        EncodingError: a text failed; see `isolate`.
    """
    run = _Run(encoder, role, progress, cache)
    run.encode(texts, window, bisect=False)
    return run.vectors


def isolate(
    encoder: Encoder,
    texts: Sequence[str],
    role: Role = "document",
    *,
    progress: Progress | None = None,
    window: int = WINDOW,
    cache: VectorCache | None = None,
) -> Isolated:
    """Encode texts as `encode_texts` does, and find the texts that the encoder fails on.

    A window that fails is halved until the texts at fault stand alone. An encoder that is
    unavailable or misconfigured raises as usual: then no text is at fault.
    """
    run = _Run(encoder, role, progress, cache)
    run.encode(texts, window, bisect=True)
    return Isolated(vectors=run.vectors, errors=run.errors)


@dataclass(slots=True)
class _Run:
    """One call's state: the rows filled so far, and the errors by row."""

    encoder: Encoder
    role: Role
    progress: Progress | None
    cache: VectorCache | None
    vectors: Vector = field(init=False)
    errors: dict[int, EncodingError] = field(init=False, default_factory=dict)
    done: int = field(init=False, default=0)

    def encode(self, texts: Sequence[str], window: int, *, bisect: bool) -> None:
        """Fill the rows of all texts."""
        self.vectors = np.full((len(texts), self.encoder.info.dim), np.nan, dtype=np.float32)
        rows: dict[str, list[int]] = {}
        for row, text in enumerate(texts):
            rows.setdefault(text, []).append(row)
        missing = self._recall(rows)
        # Longest first: a batch that is too large fails early, and the time left is not underrated.
        missing.sort(key=len, reverse=True)
        for start in range(0, len(missing), max(1, window)):
            part = missing[start : start + max(1, window)]
            self._encode_part(part, rows, bisect=bisect)
            self._report(sum(len(rows[text]) for text in part))

    def _recall(self, rows: dict[str, list[int]]) -> list[str]:
        """Fill the rows that the cache knows; the texts that it does not."""
        if self.cache is None:
            return list(rows)
        missing = []
        for text, places in rows.items():
            vector = self.cache.get(text, self.role)
            if vector is None:
                missing.append(text)
            else:
                self.vectors[places] = vector
        self._report(len(self.vectors) - sum(len(rows[text]) for text in missing))
        return missing

    def _encode_part(self, part: list[str], rows: dict[str, list[int]], *, bisect: bool) -> None:
        try:
            vectors = self.encoder.encode(part, self.role)
        except Exception as error:
            if not bisect or not _blames_a_text(error):
                raise
            self._blame(part, rows, error)
            return
        for text, vector in zip(part, vectors, strict=True):
            self.vectors[rows[text]] = vector
            if self.cache is not None:
                self.cache.put(text, self.role, vector)

    def _blame(self, part: list[str], rows: dict[str, list[int]], error: Exception) -> None:
        """Halve a part that failed; note the error of a text that fails alone."""
        if len(part) > 1:
            middle = len(part) // 2
            self._encode_part(part[:middle], rows, bisect=True)
            self._encode_part(part[middle:], rows, bisect=True)
            return
        if not isinstance(error, EncodingError):
            wrapped = EncodingError(f"{type(error).__name__}: {error}")
            wrapped.__cause__ = error
            error = wrapped
        self.errors.update(dict.fromkeys(rows[part[0]], error))

    def _report(self, count: int) -> None:
        self.done += count
        if self.progress is not None and count:
            self.progress(self.done, len(self.vectors))


def _blames_a_text(error: Exception) -> bool:
    """Tell a failure on a text from a model that cannot be used at all."""
    return isinstance(error, EncodingError) or not isinstance(error, EmbedDBError)
