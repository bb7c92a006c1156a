"""Files of rows as bytes and as text: decompressed by suffix, decoded by byte order mark."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, BinaryIO, cast

from embeddb.errors import ConfigurationError

READ_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What reading raises where a file cannot be read, or its compressed data are damaged."""

UTF_8 = "utf-8-sig"

_OPENERS: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}

# The mark of UTF-32 begins with that of UTF-16, so it is looked for first.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: UTF_8,
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_MARK_BYTES = 4


def without_compression(path: PurePath) -> str:
    """Return the name of a file in lower case, without the suffix of its compression."""
    name = path.name.lower()
    return name.removesuffix(path.suffix.lower()) if path.suffix.lower() in _OPENERS else name


def open_bytes(path: Path) -> io.BufferedReader:
    """Open a file for reading, decompressed where its suffix says how."""
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        return path.open("rb")
    return buffered(opener(path))


def buffered(stream: BinaryIO) -> io.BufferedReader:
    """Return a stream of bytes whose first bytes can be looked at without being taken."""
    if isinstance(stream, io.BufferedReader):
        return stream
    return io.BufferedReader(cast(Any, stream))


def encoding_of(stream: io.BufferedReader, default: str) -> str:
    """Return the encoding that the byte order mark of a stream tells, else `default`."""
    head = stream.peek(_MARK_BYTES)[:_MARK_BYTES]
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return encoding
    return default


@contextmanager
def as_text(stream: io.BufferedReader, encoding: str) -> Iterator[io.TextIOWrapper]:
    """Open a stream as text with its line ends as they are; its byte order mark decides first.

    Bytes that are no text come through as lone surrogates, so that they fail only their own row.
    The stream stays open.
    """
    used = encoding_of(stream, encoding)
    text = io.TextIOWrapper(stream, encoding=used, errors="surrogateescape", newline="")
    try:
        yield text
    finally:
        text.detach()


def is_text(text: str) -> bool:
    """Return whether all of a text could be decoded."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_encoding(encoding: str) -> None:
    """Check that Python knows an encoding.

    Raises:
        ConfigurationError: it does not.
    """
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise ConfigurationError(
            f"Python knows no encoding {encoding!r}: give one such as utf-8, utf-16 or cp1252."
        ) from error
