"""DOCX as Markdown: its headings, lists and tables."""

from __future__ import annotations

import io
import re

from embeddb.errors import UnreadableDocumentError
from embeddb.sources.extras import needs_documents_extra
from embeddb.sources.parsers.archive import open_archive
from embeddb.sources.parsers.html import html_text
from embeddb.sources.parsers.parsed import Parsed
from embeddb.sources.parsers.titles import short_title

_IMAGES = re.compile(r"<img[^>]*/?>")
_TAGS = re.compile(r"<[^>]*>")

_STYLES = "p[style-name='Title'] => h1.title:fresh\np[style-name='Subtitle'] => p.subtitle:fresh"
_TITLE = re.compile(r'<h1 class="title">(.*?)</h1>', re.DOTALL)


def docx_file(data: bytes) -> Parsed:
    """Return the text of a Word document as Markdown.

    Its title is the first paragraph in the style `Title`, else the first heading.

    Raises:
        UnreadableDocumentError: the bytes are no Word document.
        DocumentTooLargeError: it is too large when unpacked.
        MissingDependencyError: the `documents` extra is not installed.
    """
    with needs_documents_extra("DOCX files"):
        import mammoth

    with open_archive(data, "a Word document"):
        pass
    try:
        markup = mammoth.convert_to_html(
            io.BytesIO(data), convert_image=_no_image, style_map=_STYLES
        ).value
    except Exception as error:  # mammoth has no errors of its own
        raise UnreadableDocumentError(f"not a Word document: {error}") from error
    title = _TITLE.search(markup)
    parsed = html_text(_IMAGES.sub("", markup))
    named = short_title(_unescaped(title[1])) if title else None
    return Parsed(parsed.text, named or parsed.title)


def _no_image(_: object) -> list[object]:
    """Return nothing for a picture: as base64 it would be most of the text."""
    return []


def _unescaped(markup: str) -> str:
    import html

    return html.unescape(_TAGS.sub("", markup))
