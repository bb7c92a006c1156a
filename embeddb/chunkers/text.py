"""Prose, cut between paragraphs, else between sentences."""

from __future__ import annotations

from tokenizers import Tokenizer

from embeddb.chunkers.cutting import Cutter
from embeddb.chunkers.rulers import TokenCounter
from embeddb.records import Chunk


class TextChunker:
    """Cuts text at paragraphs, sentences, lines, words and, if it must, inside a word.

    Without a tokenizer a token is taken to be three bytes of UTF-8.
    """

    def __init__(
        self, max_tokens: int, overlap: int = 0, tokenizer: Tokenizer | None = None
    ) -> None:
        self._cutter = Cutter(
            counter=TokenCounter(tokenizer), max_tokens=max_tokens, overlap=overlap
        )

    def chunks(self, content: str, media_type: str | None = None) -> list[Chunk]:
        """Return chunks of `content` of at most `max_tokens` tokens."""
        return self._cutter.chunks(content)
