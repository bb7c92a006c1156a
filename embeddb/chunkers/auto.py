"""Each document cut in the way that fits its media type."""

from __future__ import annotations

from tokenizers import Tokenizer

from embeddb.chunkers.code import CodeChunker
from embeddb.chunkers.languages import language_of
from embeddb.chunkers.located import CuttingChunker
from embeddb.chunkers.markdown import MarkdownChunker
from embeddb.chunkers.markup import MARKUP, MarkupChunker
from embeddb.chunkers.text import TextChunker
from embeddb.records import Chunk
from embeddb.schema.chunkers import TEXT_OVERLAP_DIVISOR, VERSION, ContextKind

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

# Version 1 took these for prose.
_MARKDOWN_TOO = frozenset(
    {
        "application/epub+zip",
        "application/mbox",
        "application/rtf",
        "text/rtf",
        "application/vnd.oasis.opendocument.presentation",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/x-ipynb+json",
        "message/rfc822",
    }
)


class AutoChunker:
    """Cuts Markdown by headings, code by definitions and everything else as prose.

    `overlap` None means none for Markdown and code, and an eighth of a chunk for prose.
    """

    def __init__(
        self,
        max_tokens: int,
        overlap: int | None = None,
        tokenizer: Tokenizer | None = None,
        *,
        context: ContextKind = "none",
        version: int = VERSION,
    ) -> None:
        prose = max_tokens // TEXT_OVERLAP_DIVISOR if overlap is None else overlap
        other = overlap or 0
        self._version = version
        self._context = context
        self._text = TextChunker(max_tokens, prose, tokenizer, context=context, version=version)
        self._markdown = MarkdownChunker(
            max_tokens, other, tokenizer, context=context, version=version
        )
        self._markup = MarkupChunker(max_tokens, other, tokenizer, context=context, version=version)
        self._code = CodeChunker(max_tokens, other, tokenizer, context=context, version=version)

    @property
    def reads_title(self) -> bool:
        """Whether contexts begin with the document's title."""
        return self._context == "headings"

    def chunks(
        self, content: str, media_type: str | None = None, *, title: str | None = None
    ) -> list[Chunk]:
        """Return the chunks of `content`, cut in the way that fits `media_type`."""
        kind = (media_type or "").partition(";")[0].strip().lower()
        return self._chunker(kind).chunks(content, media_type, title=title)

    def _chunker(self, kind: str) -> CuttingChunker:
        if kind in _MARKDOWN or (kind in _MARKDOWN_TOO and self._version > 1):
            return self._markdown
        if kind in MARKUP and self._version > 1:
            return self._markup
        return self._text if language_of(kind) is None else self._code
