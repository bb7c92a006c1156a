"""From a text and its structure to chunks that know where they are, and what stands above them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from tokenizers import Tokenizer

from embeddb.chunkers.asides import PAGE, is_text, pieces
from embeddb.chunkers.context import Contexts
from embeddb.chunkers.cutting import PROSE, Borders, Cutter, Plan
from embeddb.chunkers.rulers import TokenCounter
from embeddb.chunkers.structure import Structure
from embeddb.records import Chunk
from embeddb.schema.chunkers import VERSION, ContextKind

Span: TypeAlias = tuple[int, int]


class CuttingChunker(ABC):
    """Cuts documents into chunks of at most `max_tokens` tokens, their contexts included.

    Args:
        max_tokens: the longest chunk; without a tokenizer a token is three bytes of UTF-8.
        overlap: tokens at the end of a chunk that the next one begins with again.
        tokenizer: the model's own.
        context: whether chunks get the headings that they stand under as their context.
        version: the way of cutting; 1 leaves nothing out and tells nothing of a chunk's place.
    """

    patterns: ClassVar[tuple[re.Pattern[str], ...]] = PROSE
    keep_indent: ClassVar[bool] = False

    def __init__(
        self,
        max_tokens: int,
        overlap: int = 0,
        tokenizer: Tokenizer | None = None,
        *,
        context: ContextKind = "none",
        version: int = VERSION,
    ) -> None:
        self._context = context
        self._version = version
        self._cutter = Cutter(
            counter=TokenCounter(tokenizer),
            max_tokens=max_tokens,
            overlap=overlap,
            patterns=self.patterns,
            keep_indent=self.keep_indent,
        )

    @property
    def reads_title(self) -> bool:
        """Whether contexts begin with the document's title."""
        return self._context == "headings"

    @abstractmethod
    def borders(self, content: str, media_type: str | None) -> Borders:
        """Return where a text may be cut before all else, the strongest level first."""

    @abstractmethod
    def structure(self, content: str, media_type: str | None) -> Structure:
        """Return the structure of a text."""

    def chunks(
        self, content: str, media_type: str | None = None, *, title: str | None = None
    ) -> list[Chunk]:
        """Return the chunks of a text; `title`, the document's, stands first in their contexts."""
        if not content.strip():
            return []
        if self._version == 1:
            return self._cutter.chunks(content, Plan(borders=self.borders(content, media_type)))
        structure = self.structure(content, media_type)
        contexts: Contexts | None = None
        if self._context == "headings" and (structure.places or title):
            contexts = Contexts(
                content, structure.places, title, self._cutter.counter, self._cutter.max_tokens
            )
        spans = self._spans(content, structure, contexts)
        return _located(content, structure, contexts, spans)

    def _spans(self, content: str, structure: Structure, contexts: Contexts | None) -> list[Span]:
        """Return the spans of the chunks; a text is cut whole that would have none."""
        for left_out in (structure.asides, ()):
            plan = Plan(
                borders=structure.borders,
                pieces=pieces(content, left_out),
                blocks=structure.blocks,
                room=None if contexts is None else contexts.room,
                whole_graphemes=True,
            )
            spans = self._cutter.spans(content, plan)
            if found := [span for span in spans if is_text(content[slice(*span)])]:
                return found
        return spans


@dataclass(slots=True)
class _Lines:
    """Counts the lines before an offset, in order."""

    content: str
    newline: str
    offset: int = 0
    line: int = 1

    def at(self, offset: int) -> int:
        self.line += self.content.count(self.newline, self.offset, offset)
        self.offset = offset
        return self.line


def _located(
    content: str, structure: Structure, contexts: Contexts | None, spans: Sequence[Span]
) -> list[Chunk]:
    """Return chunks with what is known of their places."""
    newline = "\n" if "\n" in content or "\r" not in content else "\r"
    counted = _Lines(content, newline) if newline in content else None
    pages = [found.end() for found in re.finditer(PAGE, content)]
    chunks: list[Chunk] = []
    for start, stop in spans:
        metadata: dict[str, Any] = {}
        path = structure.places.of(content, start, stop) if structure.places else ()
        names = [part.name for part in path]
        if names and structure.is_code:
            metadata["symbol"] = ".".join(names)
        elif names:
            metadata["headings"] = names
        if pages:
            metadata["page"] = bisect_right(pages, start) + 1
        if counted is not None:
            first = counted.at(start)
            metadata["lines"] = [first, first + content.count(newline, start, stop)]
        chunks.append(
            Chunk(
                content=content[start:stop],
                start=start,
                stop=stop,
                metadata=metadata,
                context="" if contexts is None else contexts.at(start),
            )
        )
    return chunks
