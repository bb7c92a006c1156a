"""Documents on stdin."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO

from embeddb.errors import SourceError
from embeddb.records import SourceItem
from embeddb.sources.csv import DelimitedReader
from embeddb.sources.jsonl import read_lines
from embeddb.sources.rows import Columns

NAME = "stdin"


@dataclass(frozen=True, slots=True)
class JSONInput:
    """JSON Lines on stdin, read as they come."""

    columns: Columns
    encoding: str = "utf-8"

    def documents(self) -> Iterator[SourceItem]:
        """Yield the document of each line, or a Failure that names the line."""
        yield from _told(read_lines(_stdin(), self.columns, self.encoding, NAME))

    def count(self) -> int | None:
        """Return None: the number is not known before the end."""
        return None


@dataclass(frozen=True, slots=True)
class DelimitedInput:
    """CSV or TSV on stdin, read as it comes: its types are those of its first rows."""

    reader: DelimitedReader

    def documents(self) -> Iterator[SourceItem]:
        """Yield the document of each row, or a Failure that names the line it begins on."""
        yield from _told(self.reader.once(_stdin()))

    def count(self) -> int | None:
        """Return None: the number is not known before the end."""
        return None

    def typed(self, known: Mapping[str, str]) -> DelimitedInput:
        """Return the source with the types of an earlier run; those given to it win."""
        return DelimitedInput(replace(self.reader, remembered=known, used={}))

    def types(self) -> Mapping[str, str]:
        """Return the type of each column of the metadata, once `documents()` has begun."""
        return dict(self.reader.used)


def _stdin() -> BinaryIO:
    return sys.stdin.buffer


def _told(items: Iterator[SourceItem]) -> Iterator[SourceItem]:
    try:
        yield from items
    except (OSError, UnicodeError) as error:
        raise SourceError(f"stdin cannot be read: {error}.") from error
