"""From the document that a row holds, such as a PDF, to its text."""

from __future__ import annotations

import base64
import codecs
from email.message import Message

from embeddb.errors import UnsupportedFormatError
from embeddb.records import Document
from embeddb.repository.attached.rows import SourceRow
from embeddb.schema.attached import SourceTable
from embeddb.schema.chunkers import TITLE
from embeddb.sources.formats import NO_PARSER, PLAIN_TEXT, recognize_as
from embeddb.sources.parsers import parse

_ENCODING = "utf-8"
"""Of texts in bytes whose media type names no charset, and of a column of text."""

_MEDIA = ("audio/", "font/", "image/", "video/")
"""Kinds of media types that no parser reads as a text."""


def document_of(source: SourceTable, row: SourceRow) -> Document:
    """Return a row as a document, its text parsed where the row holds a document.

    A title that the document has stands for one that the row has not.

    Raises:
        UnsupportedFormatError: no parser reads documents of that kind.
        UnreadableDocumentError: the document is damaged or in another encoding.
        DocumentTooLargeError: it is too large when unpacked.
        MissingDependencyError: its parser is in the `documents` extra.
    """
    if not source.holds_documents:
        return Document(id=row.id, content=row.content, metadata=row.metadata)
    content = row.content or ""
    named, charset = _named(row.media_type)
    if source.holds_bytes:
        data = base64.b64decode(content)
        media_type = recognize_as(named, data, charset)
    else:  # a text is what it is said to be, and its characters are known
        data, charset = content.encode(), _ENCODING
        media_type = named or PLAIN_TEXT
    if media_type in NO_PARSER or media_type.startswith(_MEDIA):
        raise UnsupportedFormatError(f"No parser reads documents of the media type {media_type}.")
    parsed = parse(data, media_type, charset)
    about = {} if parsed.title is None else {TITLE: parsed.title}
    return Document(
        id=row.id,
        content=parsed.text,
        metadata={**about, **row.metadata},
        media_type=media_type,
    )


def _named(media_type: str | None) -> tuple[str | None, str]:
    """Return a media type without its parameters, and the charset that they name."""
    if media_type is None or not media_type.strip():
        return None, _ENCODING
    message = Message()
    message["Content-Type"] = " ".join(media_type.split())
    charset = str(message.get_param("charset") or _ENCODING)
    try:
        codecs.lookup(charset)
    except LookupError as error:
        raise UnsupportedFormatError(f"No charset is named {charset}: {media_type}.") from error
    return message.get_content_type(), charset
