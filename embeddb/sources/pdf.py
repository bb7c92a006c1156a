"""PDF: the text of its pages."""

from __future__ import annotations

import re
from contextlib import closing
from threading import Lock
from typing import Any

from embeddb.errors import UnreadableDocumentError
from embeddb.sources.extras import needs_documents_extra

# PDFium marks a hyphen that only breaks a line by a character that no text has.
_SOFT_BREAK = re.compile("[\ufffe\x02]\n?")

# PDFium's functions must not run at the same time in two threads.
_PDFIUM = Lock()


def pdf_text(data: bytes) -> tuple[str, str | None]:
    """Return the text of all pages, blank lines between them, and the title if the PDF has one.

    Raises:
        UnreadableDocumentError: the PDF is damaged, needs a password, or holds no text.
        MissingDependencyError: the `documents` extra is not installed.
    """
    with needs_documents_extra("PDF files"):
        import pypdfium2

    try:
        with _PDFIUM, pypdfium2.PdfDocument(data) as document:
            pages = [_page_text(document[number]) for number in range(len(document))]
            title = document.get_metadata_value("Title")
    except pypdfium2.PdfiumError as error:
        raise UnreadableDocumentError(f"not a readable PDF: {error}") from error
    text = "\n\n".join(page for page in pages if page)
    if not text:
        raise UnreadableDocumentError("the PDF has no text: run OCR on its pages first")
    return text, title.strip() or None


def _page_text(page: Any) -> str:  # noqa: ANN401
    with closing(page), closing(page.get_textpage()) as text:
        lines = str(text.get_text_range()).replace("\r\n", "\n")
    return _SOFT_BREAK.sub("", lines).strip()
