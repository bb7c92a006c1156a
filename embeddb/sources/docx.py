"""DOCX as Markdown: its headings, lists and tables."""

from __future__ import annotations

import io
import re

from embeddb.errors import UnreadableDocumentError
from embeddb.sources.extras import needs_documents_extra
from embeddb.sources.html import html_text
from embeddb.sources.text_files import markdown_title

_IMAGES = re.compile(r"<img[^>]*/?>")


def docx_text(data: bytes) -> tuple[str, str | None]:
    """Return the text of a Word document as Markdown, and its first top heading.

    Raises:
        UnreadableDocumentError: the bytes are no Word document.
        MissingDependencyError: the `documents` extra is not installed.
    """
    with needs_documents_extra("DOCX files"):
        import mammoth

    try:
        markup = mammoth.convert_to_html(io.BytesIO(data), convert_image=_no_image).value
    except Exception as error:  # mammoth has no errors of its own
        raise UnreadableDocumentError(f"not a Word document: {error}") from error
    text, _ = html_text(_IMAGES.sub("", markup))
    return text, markdown_title(text)


def _no_image(_: object) -> list[object]:
    """Return nothing for a picture: as base64 it would be most of the text."""
    return []
