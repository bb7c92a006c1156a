"""JSON Lines: one document a line; `.gz` is read as well."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from embeddb.errors import DocumentTooLargeError, SourceError, UnreadableDocumentError
from embeddb.records import Document, Failure
from embeddb.sources.paths import require_file
from embeddb.sources.rows import Columns

# A file without line ends must not be read into memory as one line.
MAX_LINE_BYTES = 64 * 1024 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class JSONLines:
    """A JSON Lines file.

    `metadata` names the key of a JSON object, or the keys to collect; None takes the key `metadata`
    if there is one, else all remaining keys.

    Raises:
        SourceError: there is no such file, or its first object lacks the named keys.
    """

    path: str | PathLike[str]
    id: str = "id"
    content: str = "content"
    metadata: str | Sequence[str] | None = None
    embedding: str = "embedding"

    def __post_init__(self) -> None:
        require_file(self.path)

    def documents(self) -> Iterator[Document | Failure]:
        """Yield each line's document, or a Failure that names the line."""
        path = require_file(self.path)
        columns = Columns(
            id=self.id, content=self.content, metadata=self.metadata, embedding=self.embedding
        )
        checked = False
        for number, line in _numbered(path):
            row = _row(line, f"line {number}")
            if isinstance(row, Failure):
                yield row
                continue
            if not checked:
                columns.check(row.keys(), f"line {number} of {path}")
                checked = True
            yield columns.document(row, f"line {number}")

    def count(self) -> int | None:
        """Return None: the number is not known without reading the file."""
        return None


def _numbered(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines that are not blank with their numbers; None is one over the limit."""
    try:
        with _open(path) as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                if number == 1:
                    line = line.removeprefix(_BYTE_ORDER_MARK)
                if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                    _skip_line(file)
                    yield number, None
                elif line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path} cannot be read: {error}.") from error


def _open(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _row(line: bytes | None, where: str) -> dict[str, Any] | Failure:
    if line is None:
        message = f"the line is longer than {MAX_LINE_BYTES:,} bytes"
        return Failure(id=where, error=DocumentTooLargeError.__name__, message=message)
    try:
        row = _parse(line)
    except (ValueError, RecursionError) as error:
        message = f"not JSON: {error}"
        return Failure(id=where, error=UnreadableDocumentError.__name__, message=message)
    if isinstance(row, dict):
        return row
    message = f"a JSON {type(row).__name__}, not an object"
    return Failure(id=where, error=UnreadableDocumentError.__name__, message=message)


def _parse(line: bytes) -> Any:  # noqa: ANN401
    try:
        return orjson.loads(line)
    except ValueError:
        # The standard library takes NaN and Infinity, which may stand in an embedding.
        return json.loads(line)
