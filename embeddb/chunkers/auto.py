"""Each document cut in the way that fits its media type."""

from __future__ import annotations

from tokenizers import Tokenizer

from embeddb.chunkers.code import CodeChunker
from embeddb.chunkers.languages import language_of
from embeddb.chunkers.markdown import MarkdownChunker
from embeddb.chunkers.text import TextChunker
from embeddb.records import Chunk
from embeddb.schema.chunkers import TEXT_OVERLAP_DIVISOR

# HTML and DOCX are here because the sources hand them on as Markdown.
_MARKDOWN = frozenset(
    {
        "text/markdown",
        "text/x-markdown",
        "text/html",
        "application/xhtml+xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    }
)


class AutoChunker:
    """Cuts Markdown by headings, code by definitions and everything else as prose.

    `overlap` None means none for Markdown and code, and an eighth of a chunk for prose.
    """

    def __init__(
        self, max_tokens: int, overlap: int | None = None, tokenizer: Tokenizer | None = None
    ) -> None:
        prose_overlap = max_tokens // TEXT_OVERLAP_DIVISOR if overlap is None else overlap
        self._text = TextChunker(max_tokens, prose_overlap, tokenizer)
        self._markdown = MarkdownChunker(max_tokens, overlap or 0, tokenizer)
        self._code = CodeChunker(max_tokens, overlap or 0, tokenizer)

    def chunks(self, content: str, media_type: str | None = None) -> list[Chunk]:
        """Return the chunks of `content`, cut in the way that fits `media_type`."""
        kind = (media_type or "").partition(";")[0].strip().lower()
        if kind in _MARKDOWN:
            return self._markdown.chunks(content, media_type)
        if language_of(kind) is not None:
            return self._code.chunks(content, media_type)
        return self._text.chunks(content, media_type)
