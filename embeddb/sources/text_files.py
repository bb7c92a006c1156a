"""Text in a file, read as it is: plain, Markdown, reStructuredText and source code."""

from __future__ import annotations

import codecs
import re

from embeddb.errors import UnreadableDocumentError

# A text file has no zero byte at its start, except in UTF-16, which says so.
SNIFFED_BYTES = 8_192

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t#]*$", re.MULTILINE)


def looks_binary(head: bytes) -> bool:
    """Return whether the first bytes of a file are not those of a text."""
    return b"\0" in head and _declared(head) is None


def decode(data: bytes, encoding: str) -> str:
    """Return the text of a file; its byte order mark decides the encoding before `encoding` does.

    Raises:
        UnreadableDocumentError: the bytes are not in this encoding.
    """
    used = _declared(data) or encoding
    try:
        return data.decode(used)
    except UnicodeDecodeError as error:
        raise UnreadableDocumentError(
            f"not {used} text (byte {error.start:,}): name the right one with encoding=…"
        ) from error


def markdown_title(text: str) -> str | None:
    """Return the first top heading of a Markdown text, or None."""
    found = _HEADING.search(text)
    return found.group(1) if found else None


def _declared(data: bytes) -> str | None:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return encoding
    return None
