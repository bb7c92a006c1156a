"""From the bytes of a file to its text and title, by its media type."""

from __future__ import annotations

from typing import NamedTuple

from embeddb.errors import EmbedDBError, UnreadableDocumentError
from embeddb.sources import formats
from embeddb.sources.docx import docx_text
from embeddb.sources.html import html_text
from embeddb.sources.pdf import pdf_text
from embeddb.sources.text_files import decode, markdown_title


class Parsed(NamedTuple):
    """The text of a file, and its title where the file names one."""

    text: str
    title: str | None = None


def parse(data: bytes, media_type: str, encoding: str) -> Parsed:
    """Return the text of a file, and its title.

    Raises:
        UnreadableDocumentError: the file is damaged or in another encoding.
        MissingDependencyError: its parser is in the `documents` extra.
    """
    try:
        return _parse(data, media_type, encoding)
    except EmbedDBError:
        raise
    except Exception as error:  # parsers fail in as many ways as files are damaged
        raise UnreadableDocumentError(f"{type(error).__name__}: {error}") from error


def _parse(data: bytes, media_type: str, encoding: str) -> Parsed:
    if media_type == formats.PDF:
        return Parsed(*pdf_text(data))
    if media_type == formats.DOCX:
        return Parsed(*docx_text(data))
    if media_type in (formats.HTML, "application/xhtml+xml"):
        return Parsed(*html_text(data))
    text = decode(data, encoding)
    return Parsed(text, markdown_title(text) if media_type == formats.MARKDOWN else None)
