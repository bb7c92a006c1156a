"""Encode many inputs: each once, in windows of similar size, with one bad input at fault alone.

Every function returns its rows in the caller's order. Within a call no input is encoded twice;
across calls a `VectorCache` remembers the latest ones. An encoder is given one medium at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from embeddb.encoders.cache import VectorCache
from embeddb.encoders.checks import PartlyEncodedError
from embeddb.encoders.media import encode_batch, media_of, medium_of, size_of
from embeddb.errors import EmbedDBError, EncodingError, ModelError, UnsupportedMediumError
from embeddb.protocols import Encoder, Progress
from embeddb.records import Input, Medium, Role, Vector

WINDOW = 256
"""Inputs for one call of an encoder: enough to sort by size, few enough to show progress."""

_PROBE = "text"
"""A text that no model should fail on: one that does is broken, and no input is at fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Isolated:
    """What could be encoded, and what could not.

    Attributes:
        vectors: shape (n, dim); NaN in the rows of the inputs that failed.
        errors: the error of each failed input, by its index.
    """

    vectors: Vector
    errors: dict[int, EncodingError]


def encode_inputs(
    encoder: Encoder,
    inputs: Sequence[Input],
    role: Role = "document",
    *,
    progress: Progress | None = None,
    window: int = WINDOW,
    cache: VectorCache | None = None,
) -> Vector:
    """Encode inputs, of several media if the encoder takes them: float32, shape (len(inputs), dim).

    Args:
        encoder: what encodes.
        inputs: may hold the same input many times.
        role: what the inputs are to the model.
        progress: called after each window with the inputs done so far, and all there are.
        window: the most inputs in one call of the encoder.
        cache: vectors of earlier calls with the same encoder; new ones are added.

    Raises:
        EncodingError: an input failed; see `isolate`.
        UnsupportedMediumError: the encoder does not take one of the media.
    """
    run = _Run(encoder, role, progress, cache)
    run.encode(inputs, window, bisect=False)
    return run.vectors


encode_texts = encode_inputs
"""The same function under the name that it had in 0.1."""


def isolate(
    encoder: Encoder,
    inputs: Sequence[Input],
    role: Role = "document",
    *,
    progress: Progress | None = None,
    window: int = WINDOW,
    cache: VectorCache | None = None,
    probe: bool = True,
) -> Isolated:
    """Encode inputs as `encode_inputs` does, and find those that the encoder fails on.

    A window that fails is halved until the inputs at fault stand alone; one of a medium that the
    encoder does not take is at fault, too. An encoder that is unavailable or misconfigured raises
    as usual: then no input is at fault. With `probe`, that is also one which fails on a plain word
    when it has not encoded anything yet.

    Raises:
        ModelError: it is that.
    """
    run = _Run(encoder, role, progress, cache, works=not probe)
    run.encode(inputs, window, bisect=True)
    return Isolated(vectors=run.vectors, errors=run.errors)


@dataclass(slots=True)
class _Run:
    """One call's state: the rows filled so far, and the errors by row.

    Attributes:
        works: whether the encoder has encoded anything, so that inputs may be at fault.
    """

    encoder: Encoder
    role: Role
    progress: Progress | None
    cache: VectorCache | None
    works: bool = False
    vectors: Vector = field(init=False)
    errors: dict[int, EncodingError] = field(init=False, default_factory=dict)
    done: int = field(init=False, default=0)

    def encode(self, inputs: Sequence[Input], window: int, *, bisect: bool) -> None:
        """Fill the rows of all inputs."""
        self.vectors = np.full((len(inputs), self.encoder.info.dim), np.nan, dtype=np.float32)
        rows: dict[Input, list[int]] = {}
        for row, value in enumerate(inputs):
            rows.setdefault(value, []).append(row)
        for part in _windows(self._recall(rows), max(1, window)):
            self._encode_part(part, rows, bisect=bisect)
            self._report(sum(len(rows[value]) for value in part))

    def _recall(self, rows: dict[Input, list[int]]) -> list[Input]:
        """Fill the rows that the cache knows, and return the inputs that it does not."""
        if self.cache is None:
            return list(rows)
        missing = []
        for value, places in rows.items():
            vector = self.cache.get(value, self.role)
            if vector is None:
                missing.append(value)
            else:
                self.vectors[places] = vector
        self._report(len(self.vectors) - sum(len(rows[value]) for value in missing))
        return missing

    def _encode_part(
        self, part: list[Input], rows: dict[Input, list[int]], *, bisect: bool
    ) -> None:
        try:
            vectors = encode_batch(self.encoder, part, self.role)
        except PartlyEncodedError as error:
            if not bisect:
                raise
            self._take_partly(part, rows, error)
        except Exception as error:
            if not bisect or not _blames_an_input(error):
                raise
            self._check_that_it_works(error)
            self._blame(part, rows, error)
        else:
            self._take(part, rows, vectors)

    def _take(self, part: list[Input], rows: dict[Input, list[int]], vectors: Vector) -> None:
        self.works = True
        for value, vector in zip(part, vectors, strict=True):
            self.vectors[rows[value]] = vector
            if self.cache is not None:
                self.cache.put(value, self.role, vector)

    def _take_partly(
        self, part: list[Input], rows: dict[Input, list[int]], error: PartlyEncodedError
    ) -> None:
        """Take what an encoder could encode of a part, and note the errors of the rest."""
        if len(error.errors) == len(part):
            self._check_that_it_works(error)
        good = [row for row in range(len(part)) if row not in error.errors]
        if good:
            self._take([part[row] for row in good], rows, error.vectors[good])
        for row, reason in error.errors.items():
            self.errors.update(dict.fromkeys(rows[part[row]], reason))

    def _check_that_it_works(self, error: Exception) -> None:
        """Check, before the first input is at fault, that the encoder can encode anything.

        Raises:
            ModelError: it cannot.
        """
        unsupported = isinstance(error, UnsupportedMediumError)
        if self.works or unsupported or "text" not in media_of(self.encoder):
            return
        try:
            encode_batch(self.encoder, [_PROBE], self.role)
        except Exception as again:
            if not _blames_an_input(again):
                raise
            said = str(again) if isinstance(again, EncodingError) else _named(again)
            raise ModelError(
                f"The model {self.encoder.info.name!r} fails on every text, also on the word "
                f"{_PROBE!r}: {said}"
            ) from error
        self.works = True

    def _blame(self, part: list[Input], rows: dict[Input, list[int]], error: Exception) -> None:
        """Halve a part that failed, or note the error of an input that failed alone."""
        if len(part) > 1:
            middle = len(part) // 2
            self._encode_part(part[:middle], rows, bisect=True)
            self._encode_part(part[middle:], rows, bisect=True)
            return
        if not isinstance(error, EncodingError):
            wrapped = EncodingError(_named(error))
            wrapped.__cause__ = error
            error = wrapped
        self.errors.update(dict.fromkeys(rows[part[0]], error))

    def _report(self, count: int) -> None:
        self.done += count
        if self.progress is not None and count:
            self.progress(self.done, len(self.vectors))


def _windows(inputs: list[Input], size: int) -> Iterator[list[Input]]:
    """Yield inputs in windows of one medium, the largest first."""
    by_medium: dict[Medium, list[Input]] = {}
    for value in inputs:
        by_medium.setdefault(medium_of(value), []).append(value)
    for group in by_medium.values():
        # A batch that is too large fails early this way, and the time left is not underrated.
        group.sort(key=size_of, reverse=True)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _blames_an_input(error: Exception) -> bool:
    """Return whether an input is at fault, rather than a model that cannot be used at all."""
    return isinstance(error, EncodingError) or not isinstance(error, EmbedDBError)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
