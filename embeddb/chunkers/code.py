"""Source code, cut between definitions."""

from __future__ import annotations

from tokenizers import Tokenizer

from embeddb.chunkers.cutting import CODE, Cutter
from embeddb.chunkers.languages import language_of
from embeddb.chunkers.outline import definition_borders
from embeddb.chunkers.rulers import TokenCounter
from embeddb.records import Chunk


class CodeChunker:
    """Cuts code before definitions; one that fits into a chunk is never cut.

    Python is read with `ast`. Other languages need the `code` extra; without it, and for
    code that cannot be parsed, a definition is taken to start at an unindented line after a
    blank one.
    """

    def __init__(
        self, max_tokens: int, overlap: int = 0, tokenizer: Tokenizer | None = None
    ) -> None:
        self._cutter = Cutter(
            counter=TokenCounter(tokenizer),
            max_tokens=max_tokens,
            overlap=overlap,
            patterns=CODE,
            keep_indent=True,
        )

    def chunks(self, content: str, media_type: str | None = None) -> list[Chunk]:
        """Return the chunks of a program in the language of `media_type`, e.g. `text/x-python`."""
        if not content.strip():
            return []
        return self._cutter.chunks(content, definition_borders(content, language_of(media_type)))
