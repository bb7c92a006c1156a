"""What a source, a chunker and an encoder must offer, and what long work calls to report on itself.

Each protocol asks for two methods at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from embeddb.records import (
    Chunk,
    Input,
    Medium,
    ModelInfo,
    Role,
    SourceItem,
    Vector,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Progress: TypeAlias = Callable[[int, int], None]
"""Called with how much is done and how much there is in all; 0 in all means unknown."""

PhaseProgress: TypeAlias = Callable[[str, int, int], None]
"""Called with the phase, how much of it is done and how much it has; 0 means unknown."""


@runtime_checkable
class Source(Protocol):
    """Documents in a stable order, read while they are iterated over."""

    def documents(self) -> Iterator[SourceItem]:
        """Yield each document, a Failure for one that cannot be read, or what is Skipped."""
        ...

    def count(self) -> int | None:
        """Return how many documents there are, or None; it only feeds progress bars."""
        ...


@runtime_checkable
class TypedSource(Protocol):
    """A source of text columns that finds out which of them are numbers and truth values.

    The types of a source are remembered where its documents are, so that a column does not change
    its type with the data of one day.
    """

    def typed(self, known: Mapping[str, str]) -> Source:
        """Return the source with the types that were remembered; its own explicit ones win."""
        ...

    def types(self) -> Mapping[str, str]:
        """Return the type of each column, e.g. `{"year": "int"}`, once `documents()` has begun."""
        ...


@runtime_checkable
class Identified(Protocol):
    """A source that knows what it is: its documents are told from those of other sources by it."""

    def identity(self) -> str | None:
        """Return a URI that stays the same from one run to the next, or None."""
        ...


class Chunker(Protocol):
    """Cuts a text so that `content[chunk.start:chunk.stop] == chunk.content` for each chunk."""

    def chunks(self, content: str, media_type: str | None = None) -> list[Chunk]:
        """Return the chunks of `content`: none where it holds nothing but white space."""
        ...


@runtime_checkable
class TitledChunker(Chunker, Protocol):
    """A chunker that can put a document's title into the contexts of its chunks."""

    @property
    def reads_title(self) -> bool:
        """Whether it does so: a document with another title is then cut and encoded again."""
        ...

    def chunks(
        self, content: str, media_type: str | None = None, *, title: str | None = None
    ) -> list[Chunk]:
        """Return the chunks of `content`, the text of a document with that title."""
        ...


class Encoder(Protocol):
    """Turns inputs into vectors of one space: texts, unless it declares other media (`Multimodal`).

    Only inputs of a medium that it takes ever reach an encoder.
    """

    @property
    def info(self) -> ModelInfo:
        """The model's record, which must be known without loading the weights."""
        ...

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Encode one batch that fits into memory: float32, shape (len(texts), dim)."""
        ...


class Multimodal(Encoder, Protocol):
    """An encoder that takes another medium than text, alone or beside text in the same space.

    One call of `encode` holds inputs of one medium: a model such as CLIP's reads either texts or
    images.
    """

    @property
    def media(self) -> frozenset[Medium]:
        """The media that it takes, e.g. `frozenset({"text", "image"})`."""
        ...

    def encode(self, inputs: Sequence[Input], role: Role = "document") -> Vector:
        """Encode one batch of one medium: float32, shape (len(inputs), dim)."""
        ...


@runtime_checkable
class Tokenized(Protocol):
    """An encoder with a tokenizer, so that texts can be measured as its model does."""

    def tokenizer(self) -> Tokenizer | None:
        """Return the model's own tokenizer, without truncation or padding, or None."""
        ...
