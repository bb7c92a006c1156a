"""CSV and TSV files with a header line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from embeddb.errors import SourceError, UnreadableDocumentError
from embeddb.records import Document, Failure
from embeddb.sources.paths import require_file
from embeddb.sources.rows import Columns

if TYPE_CHECKING:
    from _csv import Reader

# The csv module refuses fields over 128 KiB unless told otherwise, and a text can be longer.
MAX_FIELD_CHARACTERS = 64 * 1024 * 1024


@dataclass(frozen=True)
class CSV:
    """A CSV file with a header line.

    `metadata` names the column of a JSON object, or the columns to collect; None takes the column
    `metadata` if there is one, else all remaining columns.

    The delimiter is a comma, or a tab for `.tsv`. Reading raises the csv module's own limit
    on the length of a field, which the whole process shares.

    Raises:
        SourceError: there is no such file, or it lacks the named columns.
    """

    path: str | PathLike[str]
    id: str = "id"
    content: str = "content"
    metadata: str | Sequence[str] | None = None
    embedding: str = "embedding"
    delimiter: str | None = None
    encoding: str = "utf-8-sig"

    def __post_init__(self) -> None:
        require_file(self.path)

    def documents(self) -> Iterator[Document | Failure]:
        """Yield each row's document, or a Failure that names the line it ends on."""
        path = require_file(self.path)
        columns = Columns(
            id=self.id, content=self.content, metadata=self.metadata, embedding=self.embedding
        )
        csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD_CHARACTERS))
        delimiter = self.delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")
        try:
            # Bytes that are not text come through as surrogates and fail only their own row.
            with path.open(encoding=self.encoding, errors="surrogateescape", newline="") as file:
                yield from _documents(csv.reader(file, delimiter=delimiter), columns, path)
        except (OSError, UnicodeError) as error:
            raise SourceError(f"{path} cannot be read: {error}.") from error

    def count(self) -> int | None:
        """Return None: the number is not known without reading the file."""
        return None


def _documents(reader: Reader, columns: Columns, path: Path) -> Iterator[Document | Failure]:
    header = next(_rows(reader), None)
    if header is None:
        return
    if isinstance(header, Failure):
        raise SourceError(f"The header of {path} cannot be read: {header.message}.")
    columns.check(header, str(path))
    for row in _rows(reader):
        if isinstance(row, Failure):
            yield row
        elif len(row) != len(header):
            message = f"{len(row)} fields where the header has {len(header)}"
            yield _unreadable(reader, message)
        else:
            yield columns.document(dict(zip(header, row, strict=True)), _where(reader))


def _rows(reader: Reader) -> Iterator[list[str] | Failure]:
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _unreadable(reader, str(error))
            continue
        if row:
            yield row if _is_text(row) else _unreadable(reader, "not text in this encoding")


def _is_text(row: list[str]) -> bool:
    return all(field.isascii() or not _has_surrogate(field) for field in row)


def _has_surrogate(field: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in field)


def _where(reader: Reader) -> str:
    return f"line {reader.line_num}"


def _unreadable(reader: Reader, message: str) -> Failure:
    return Failure(id=_where(reader), error=UnreadableDocumentError.__name__, message=message)
