"""PDF: the text of its pages."""

from __future__ import annotations

import re
from contextlib import closing
from ctypes import create_string_buffer
from threading import Lock
from typing import Any

from embeddb.errors import UnreadableDocumentError
from embeddb.sources.extras import needs_documents_extra
from embeddb.sources.parsers.parsed import Parsed, pages
from embeddb.sources.parsers.titles import short_title

# PDFium marks a hyphen that only breaks a line by a character that no text has.
_SOFT_BREAK = re.compile("[\ufffe\x02]\n?")

# PDFium's functions must not run at the same time in two threads.
_PDFIUM = Lock()


def pdf_file(data: bytes) -> Parsed:
    """Return the text of all pages, form feeds between them, and the title if the PDF has one.

    Raises:
        UnreadableDocumentError: the PDF is damaged, needs a password, or holds no text.
        MissingDependencyError: the `documents` extra is not installed.
    """
    with needs_documents_extra("PDF files"):
        import pypdfium2

    try:
        with _PDFIUM, pypdfium2.PdfDocument(data) as document:
            texts = [_page_text(document[number]) for number in range(len(document))]
            title = _title(document)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise UnreadableDocumentError("the PDF needs a password: remove it first") from error
        raise UnreadableDocumentError(f"not a readable PDF: {error}") from error
    text = pages(texts)
    if not text:
        raise UnreadableDocumentError("the PDF has no text: run OCR on its pages first")
    return Parsed(text, short_title(title))


def _title(document: Any) -> str:  # noqa: ANN401
    """Return the title, with U+FFFD for what is no character; pypdfium2's own method raises."""
    from pypdfium2 import raw

    size = raw.FPDF_GetMetaText(document, b"Title", None, 0)
    text = create_string_buffer(size)
    raw.FPDF_GetMetaText(document, b"Title", text, size)
    return text.raw.decode("utf-16-le", errors="replace").removesuffix("\0")


def _page_text(page: Any) -> str:  # noqa: ANN401
    with closing(page), closing(page.get_textpage()) as text:
        lines = str(text.get_text_range()).replace("\r\n", "\n").replace("\f", "\n")
    return _SOFT_BREAK.sub("", lines).strip()
