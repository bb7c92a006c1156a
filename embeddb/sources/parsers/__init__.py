"""From the bytes of a file to its text, title and metadata, one module for each kind of file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from embeddb.errors import EmbedDBError, UnreadableDocumentError
from embeddb.sources import formats
from embeddb.sources.parsers.docx import docx_file
from embeddb.sources.parsers.epub import epub_file
from embeddb.sources.parsers.html import html_file
from embeddb.sources.parsers.mail import email_file, mailbox_file
from embeddb.sources.parsers.markup import markdown_file
from embeddb.sources.parsers.notebook import notebook_file
from embeddb.sources.parsers.opendocument import opendocument_file
from embeddb.sources.parsers.parsed import Parsed
from embeddb.sources.parsers.pdf import pdf_file
from embeddb.sources.parsers.plain import decode
from embeddb.sources.parsers.rtf import rtf_file
from embeddb.sources.parsers.sheets import xlsx_file
from embeddb.sources.parsers.slides import pptx_file

__all__ = ["Parsed", "parse"]

_OF_BYTES: Mapping[str, Callable[[bytes], Parsed]] = {
    formats.PDF: pdf_file,
    formats.DOCX: docx_file,
    formats.PPTX: pptx_file,
    formats.XLSX: xlsx_file,
    formats.EPUB: epub_file,
    formats.ODT: opendocument_file,
    formats.ODS: opendocument_file,
    formats.ODP: opendocument_file,
    formats.RTF: rtf_file,
    formats.EMAIL: email_file,
    formats.MAILBOX: mailbox_file,
    formats.NOTEBOOK: notebook_file,
}
_OF_TEXT: Mapping[str, Callable[[bytes, str], Parsed]] = {
    formats.HTML: html_file,
    formats.XHTML: html_file,
    formats.MARKDOWN: markdown_file,
    formats.ASCIIDOC: markdown_file,
}


def parse(data: bytes, media_type: str, encoding: str) -> Parsed:
    """Return the text of a file, its title, and what else it says of itself.

    `encoding` is that of a text without a byte order mark.

    Raises:
        UnreadableDocumentError: the file is damaged or in another encoding.
        DocumentTooLargeError: it is too large when unpacked.
        MissingDependencyError: its parser is in the `documents` extra.
    """
    try:
        if (parser := _OF_BYTES.get(media_type)) is not None:
            return parser(data)
        if (reader := _OF_TEXT.get(media_type)) is not None:
            return reader(data, encoding)
        return Parsed(decode(data, encoding))
    except EmbedDBError:
        raise
    except Exception as error:  # parsers fail in as many ways as files are damaged
        raise UnreadableDocumentError(f"{type(error).__name__}: {error}") from error
