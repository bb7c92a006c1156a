"""Text in a file, read as it is: plain, Markdown, reStructuredText and source code."""

from __future__ import annotations

import codecs
import re

from embeddb.errors import UnreadableDocumentError

# Each before those that it starts with: the mark of UTF-32 begins with that of UTF-16.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

# Those that texts have are tabs, line ends, form feeds, backspaces and escapes of terminals.
_CONTROLS = re.compile("[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f]")
_SAMPLE = 8_192
_MAX_CONTROLS = 0.1

_REMEDY = "name its encoding, with encoding= in Python or --encoding on the command line"


def decode(data: bytes, encoding: str) -> str:
    """Return the text of a file; its byte order mark decides the encoding before `encoding` does.

    Raises:
        UnreadableDocumentError: the bytes are not in this encoding, or no text at all.
    """
    used = declared_encoding(data) or encoding
    try:
        text = data.decode(used)
    except UnicodeDecodeError as error:
        raise UnreadableDocumentError(
            f"the file is not {used} text (byte {error.start:,}): {_REMEDY}"
        ) from error
    except LookupError as error:
        raise UnreadableDocumentError(f"there is no encoding {used!r}: {_REMEDY}") from error
    sample = text[:_SAMPLE]
    if len(_CONTROLS.findall(sample)) > len(sample) * _MAX_CONTROLS:
        raise UnreadableDocumentError(
            f"the file is no text in {used}: it may be UTF-16 without a byte order mark, or "
            f"binary: {_REMEDY}"
        )
    return text


def declared_encoding(data: bytes) -> str | None:
    """Return the encoding that a byte order mark names, or None."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return encoding
    return None
