"""From the command line to sources."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import typer

from embeddb.errors import ConfigurationError, UnreadableDocumentError
from embeddb.protocols import Source
from embeddb.records import Document, Failure
from embeddb.sources import Query, open_source
from embeddb.sources.rows import Columns

STDIN = "-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What the options say of the sources.

    Attributes:
        files: options of folders; None where one was not given.
        columns: names of columns; None where one was not given.
    """

    paths: Sequence[str]
    query: str | None
    table: str | None
    files: Mapping[str, Any]
    columns: Mapping[str, Any]

    def check(self) -> None:
        """Refuse what contradicts itself."""
        kinds = [self.paths, self.query, self.table]
        if sum(bool(kind) for kind in kinds) != 1:
            raise typer.BadParameter("Give one of SOURCE..., --query and --table.")

    def open(self, url: str) -> Source:
        """Open the sources; a query without a database of its own asks the server at `url`."""
        if rows := self.query or self.table:
            self._refuse(self.files, "a query")
            return Query(url, rows, **_given(self.columns))
        opened = [self._open(path) for path in self.paths]
        return opened[0] if len(opened) == 1 else Together(opened)

    def _open(self, path: str) -> Source:
        source = StandardInput(Columns()) if path == STDIN else open_source(path)
        if isinstance(source, StandardInput):
            self._refuse(self.files, "stdin")
            return StandardInput(Columns(**_given(self.columns)))
        options = _given({**self.files, **self.columns})
        names = {field.name for field in fields(source)}  # type: ignore[arg-type]
        self._refuse({name: value for name, value in options.items() if name not in names}, path)
        return replace(source, **options)  # type: ignore[type-var]

    def _refuse(self, options: Mapping[str, Any], what: str) -> None:
        if unused := _given(options):
            listed = ", ".join("--" + ("glob" if name == "include" else name) for name in unused)
            raise ConfigurationError(f"{listed} means nothing for {what}: leave it out.")


@dataclass(frozen=True, slots=True)
class Together:
    """Several sources, one after the other."""

    sources: Sequence[Source]

    def documents(self) -> Iterator[Document | Failure]:
        """Yield the documents of each."""
        for source in self.sources:
            yield from source.documents()

    def count(self) -> int | None:
        """Add up, if each knows its number."""
        counts = [source.count() for source in self.sources]
        return None if None in counts else sum(count or 0 for count in counts)


@dataclass(frozen=True, slots=True)
class StandardInput:
    """JSON Lines on stdin, read as they come."""

    columns: Columns

    def documents(self) -> Iterator[Document | Failure]:
        """Yield each line's document, or a Failure that names the line."""
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
        """None: it is not known before the end."""
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


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}
