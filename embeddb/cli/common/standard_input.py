"""Documents on stdin, and several sources as one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from embeddb.errors import UnreadableDocumentError
from embeddb.protocols import Source
from embeddb.records import Failure, SourceItem
from embeddb.sources.rows import Columns


@dataclass(frozen=True, slots=True)
class Together:
    """Several sources, one after the other."""

    sources: Sequence[Source]

    def documents(self) -> Iterator[SourceItem]:
        """Yield the documents of each source."""
        for source in self.sources:
            yield from source.documents()

    def count(self) -> int | None:
        """Return the number of documents; None if a source does not know its own."""
        counts = [source.count() for source in self.sources]
        return None if None in counts else sum(count or 0 for count in counts)


@dataclass(frozen=True, slots=True)
class StandardInput:
    """JSON Lines on stdin, read as they come."""

    columns: Columns

    def documents(self) -> Iterator[SourceItem]:
        """Yield the document of each line, or a Failure that names the line."""
        checked = False
        for number, line in enumerate(sys.stdin.buffer, start=1):
            if not line.strip():
                continue
            where = f"line {number}"
            row = _row(line, where)
            if isinstance(row, Failure):
                yield row
                continue
            if not checked:
                self.columns.check(row.keys(), f"{where} of stdin")
                checked = True
            yield self.columns.document(row, where)

    def count(self) -> int | None:
        """Return None: the number is not known before the end."""
        return None


def _row(line: bytes, where: str) -> dict[str, Any] | Failure:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        message = f"not JSON: {error}"
        return Failure(id=where, error=UnreadableDocumentError.__name__, message=message)
    if isinstance(row, dict):
        return row
    message = f"a JSON {type(row).__name__}, not an object"
    return Failure(id=where, error=UnreadableDocumentError.__name__, message=message)
