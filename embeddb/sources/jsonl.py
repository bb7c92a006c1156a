"""JSON Lines: one document a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from typing import Any, BinaryIO, Protocol, TextIO

import orjson

from embeddb.errors import DocumentTooLargeError, SourceError, UnreadableDocumentError
from embeddb.records import Document, Failure
from embeddb.sources.byte_streams import (
    READ_ERRORS,
    UTF_8,
    as_text,
    buffered,
    check_encoding,
    encoding_of,
    open_bytes,
)
from embeddb.sources.paths import require_file
from embeddb.sources.rows import Columns

# A file without line ends must not be read into memory as one line.
MAX_LINE_BYTES = 64 * 1024 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_8 = frozenset({"utf-8", "utf8", UTF_8})

# orjson turns integers beyond 64 bits into floats, which then are at least so large.
_ROUNDED = 2.0**63


@dataclass(frozen=True)
class JSONLines:
    """A JSON Lines file, compressed (`.gz`, `.bz2`, `.xz`) or not.

    `metadata` names the key of a JSON object, or the keys to collect; None takes the key `metadata`
    if there is one, else all remaining keys.

    Attributes:
        encoding: of a file without a byte order mark.

    Raises:
        SourceError: there is no such file, or its first object lacks the named keys.
        ConfigurationError: Python knows no such encoding.
    """

    path: str | PathLike[str]
    id: str = "id"
    content: str = "content"
    metadata: str | Sequence[str] | None = None
    embedding: str = "embedding"
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        require_file(self.path)
        check_encoding(self.encoding)

    def documents(self) -> Iterator[Document | Failure]:
        """Yield each line's document, or a Failure that names the line."""
        path = require_file(self.path)
        columns = Columns(
            id=self.id, content=self.content, metadata=self.metadata, embedding=self.embedding
        )
        try:
            with open_bytes(path) as file:
                yield from read_lines(file, columns, self.encoding, str(path))
        except (*READ_ERRORS, UnicodeError) as error:
            raise SourceError(f"{path} cannot be read: {error}.") from error

    def count(self) -> int | None:
        """Return None: the number is not known without reading the file."""
        return None


def read_lines(
    stream: BinaryIO, columns: Columns, encoding: str, name: str
) -> Iterator[Document | Failure]:
    """Yield the document of each line of a stream, or a Failure that names the line.

    Args:
        stream: JSON Lines, read as they come.
        columns: which key holds what.
        encoding: of a stream without a byte order mark.
        name: what the stream is called in messages.

    Raises:
        SourceError: the first object lacks the wanted keys.
    """
    with _in_utf_8(stream, encoding) as file:
        checked = False
        for number, line in _numbered(file):
            where = f"line {number}"
            row = _row(line, where, columns.embedding)
            if isinstance(row, Failure):
                yield row
                continue
            if not checked:
                columns.check(row.keys(), f"{where} of {name}")
                checked = True
            yield columns.document(row, where)


class _Readable(Protocol):
    """A stream of lines in UTF-8."""

    def readline(self, size: int, /) -> bytes: ...


class _Recoded:
    """The lines of a text in UTF-8; those that could not be decoded are not."""

    def __init__(self, text: TextIO) -> None:
        self._text = text

    def readline(self, size: int, /) -> bytes:
        return self._text.readline(size).encode(errors="surrogateescape")


@contextmanager
def _in_utf_8(stream: BinaryIO, encoding: str) -> Iterator[_Readable]:
    reader = buffered(stream)
    if encoding_of(reader, encoding).lower() in _UTF_8:
        yield reader
        return
    with as_text(reader, encoding) as text:
        yield _Recoded(text)


def _numbered(file: _Readable) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines that are not blank with their numbers; None is one over the limit."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if len(line) >= MAX_LINE_BYTES and not line.endswith(b"\n"):
            _skip_line(file)
            yield number, None
        elif line.strip():
            yield number, line


def _skip_line(file: _Readable) -> None:
    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _row(line: bytes | None, where: str, embedding: str) -> dict[str, Any] | Failure:
    if line is None:
        message = f"the line is longer than {MAX_LINE_BYTES:,} bytes"
        return Failure(id=where, error=DocumentTooLargeError.__name__, message=message)
    try:
        row = _parse(line, embedding)
    except (ValueError, RecursionError) as error:
        message = f"not JSON: {error}"
        return Failure(id=where, error=UnreadableDocumentError.__name__, message=message)
    if isinstance(row, dict):
        return row
    message = f"a JSON {type(row).__name__}, not an object"
    return Failure(id=where, error=UnreadableDocumentError.__name__, message=message)


def _parse(line: bytes, embedding: str) -> Any:  # noqa: ANN401
    try:
        row = orjson.loads(line)
    except ValueError:
        # The standard library takes NaN and Infinity, which may stand in an embedding.
        return json.loads(line)
    if isinstance(row, dict) and _may_be_rounded(row, embedding):
        return json.loads(line)
    return row


def _may_be_rounded(row: dict[str, Any], embedding: str) -> bool:
    """Return whether a number of a row can be an integer that orjson had to round."""
    for name, value in row.items():
        kind = type(value)
        if kind is str:
            continue
        if kind is float:
            if not -_ROUNDED < value < _ROUNDED:
                return True
        elif kind in (list, dict) and name != embedding and _holds_rounded(value):
            return True
    return False


def _holds_rounded(value: Any) -> bool:  # noqa: ANN401
    kind = type(value)
    if kind is float:
        return not -_ROUNDED < value < _ROUNDED
    if kind is dict:
        return any(map(_holds_rounded, value.values()))
    return kind is list and any(map(_holds_rounded, value))
