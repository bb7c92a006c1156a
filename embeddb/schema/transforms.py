"""What a user asks of a transform, before it is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from embeddb.errors import TransformError, did_you_mean
from embeddb.schema.transform_kinds import StepKind

DISTANCES = ("cosine", "l2", "inner_product", "l1", "hamming", "jaccard")

ALIASES = {"rotation": StepKind.ROTATION.label}

ROTATIONS = (StepKind.ROTATION, StepKind.ROTATION_PCA, StepKind.ROTATION_ITQ)

_REFUSALS = {
    "l1": "does not keep l1 distances: use the distance l2 or cosine, or shorten with matryoshka:N",
    "jaccard": "does not keep which bits two codes share, as jaccard counts them: use the distance "
    "hamming, or shorten with matryoshka:N",
    "hamming": "does not keep the signs that hamming compares: use pca:N and then rotation:itq",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """One word of a spec: a kind, and the dimensions to keep where the kind takes them."""

    kind: StepKind
    dim: int | None = None

    def __str__(self) -> str:
        return self.kind.label if self.dim is None else f"{self.kind.label}:{self.dim}"

    @classmethod
    def parse(cls, text: object) -> Word:
        """Return the word of a text such as `normalize` or `pca:128`.

        Raises:
            TransformError: not a word that a spec knows, or a number out of range.
        """
        if not isinstance(text, str):
            raise TransformError(
                "A transform is a word such as 'pca:128' or a list of such words; "
                f"{text!r} is neither."
            )
        word = text.strip().lower()
        word = ALIASES.get(word, word)
        label, _, number = word.partition(":")
        for kind in StepKind:
            if kind.sized and label == kind.label:
                return cls(kind=kind, dim=_kept(kind, number))
            if not kind.sized and word == kind.label:
                return cls(kind=kind)
        known = [kind.spelling for kind in StepKind]
        near = did_you_mean(text, known)
        raise TransformError(f"Unknown transform {text!r}: choose from {', '.join(known)}.{near}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformSpec:
    """Words such as `normalize` and `pca:128`, one step after the other.

    Attributes:
        words: kept in their canonical spelling, e.g. `rotation:random` for `rotation`.

    Raises:
        TransformError: no word, an unknown one, or a number out of range.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        words = tuple(str(Word.parse(word)) for word in self.words)
        if not words:
            raise TransformError("A transform needs at least one word; None means no transform.")
        object.__setattr__(self, "words", words)

    @classmethod
    def parse(cls, value: str | Sequence[str] | TransformSpec | None) -> TransformSpec | None:
        """Return the spec of a word or a list of words; None is no transform.

        Raises:
            TransformError: neither, an unknown word, or a number out of range.
        """
        if value is None or isinstance(value, TransformSpec):
            return value
        if isinstance(value, str) or not isinstance(value, Sequence):
            return cls(words=(value,))
        return cls(words=tuple(value))

    def to_json(self) -> list[str]:
        """Return the spec as a JSON array of words."""
        return list(self.words)

    @classmethod
    def from_json(cls, value: Sequence[str]) -> TransformSpec:
        """Return the spec of a JSON array.

        Raises:
            TransformError: no word, an unknown one, or a number out of range.
        """
        return cls(words=tuple(value))

    @property
    def parts(self) -> tuple[Word, ...]:
        """The words, parsed."""
        return tuple(Word.parse(word) for word in self.words)

    @property
    def needs_fit(self) -> bool:
        """Whether a word learns from vectors."""
        return any(word.kind.fitted for word in self.parts)

    @property
    def leading(self) -> bool:
        """Whether the leading dimensions carry the most, as an index on the first few needs."""
        mixing = [word.kind for word in self.parts if word.kind.mixes]
        return bool(mixing) and mixing[-1] in (StepKind.PCA, StepKind.ROTATION_PCA)

    @property
    def unit(self) -> bool:
        """Whether what comes out has length 1, whatever goes in."""
        unit = False
        for word in self.parts:
            unit = word.kind is StepKind.NORMALIZE or (unit and word.kind in ROTATIONS)
        return unit

    def output_dim(self, input_dim: int) -> int:
        """Return the dimensions that come out where `input_dim` go in."""
        kept = [word.dim for word in self.parts if word.dim is not None]
        return kept[-1] if kept else input_dim

    def min_rows(self, input_dim: int) -> int:
        """Return the fewest rows that a fit needs; 0 where nothing is fitted.

        That is twice as many rows as output dimensions for PCA and ITQ; four times as many, and at
        least 1,000, for an autoencoder.
        """
        return max(word.kind.min_rows(dim) for word, dim in self._with_output_dims(input_dim))

    def check(self, input_dim: int, distance: str) -> None:
        """Check that the words suit vectors of `input_dim` dimensions, and each other.

        Raises:
            TransformError: more dimensions are kept than there are, or a word does not keep the
                distance.
        """
        if distance not in DISTANCES:
            raise TransformError(
                f"Unknown distance {distance!r}: choose one of {', '.join(DISTANCES)}."
            )
        before = input_dim
        for word, dim in self._with_output_dims(input_dim):
            if dim > before:
                raise TransformError(
                    f"{word} keeps more dimensions than the {before} there are: "
                    f"write {word.kind.label}:{before} or fewer."
                )
            if distance in word.kind.refused:
                raise TransformError(f"{word} {_REFUSALS[distance]}.")
            before = dim

    def _with_output_dims(self, input_dim: int) -> Iterator[tuple[Word, int]]:
        """Yield each word with the dimensions that come out of it."""
        dim = input_dim
        for word in self.parts:
            dim = dim if word.dim is None else word.dim
            yield word, dim


def _kept(kind: StepKind, number: str) -> int:
    """Return how many dimensions a word keeps."""
    digits = number.strip()
    if not (digits.isascii() and digits.isdigit()) or int(digits) < 1:
        raise TransformError(
            f"{kind.label} needs the number of dimensions to keep, at least 1: "
            f"write {kind.label}:128."
        )
    return int(digits)
