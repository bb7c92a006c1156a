"""CSV and TSV files with a header line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from os import PathLike
from typing import BinaryIO, TypeAlias

from embeddb.errors import DocumentError, SourceError
from embeddb.records import Failure, Skipped, SourceItem
from embeddb.sources.byte_streams import (
    READ_ERRORS,
    UTF_8,
    as_text,
    buffered,
    check_encoding,
    open_bytes,
    without_compression,
)
from embeddb.sources.column_types import TYPES, ColumnTypes, Inference, check_types
from embeddb.sources.delimited import Delimited, Dialect, Row
from embeddb.sources.paths import require_file
from embeddb.sources.rows import Columns

SAMPLE_ROWS = 1_000
"""Rows that the types of a stream are inferred from, and that are looked at together in a file."""

_Rows: TypeAlias = Iterator[Row | Failure | Skipped]


@dataclass(frozen=True)
class DelimitedReader:
    """Reads a stream of delimited text as documents, with types for the columns of the metadata.

    Attributes:
        name: what the stream is called in messages.
        columns: which column holds what.
        dialect: how the rows are written.
        encoding: of a stream without a byte order mark.
        types: types that the caller gave.
        remembered: types of an earlier run, for the other columns.
        used: the types that are used, once reading has begun.
    """

    name: str
    columns: Columns
    dialect: Dialect
    encoding: str = UTF_8
    types: Mapping[str, str] = field(default_factory=dict)
    remembered: Mapping[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_encoding(self.encoding)
        check_types(self.types)

    def once(self, stream: BinaryIO) -> Iterator[SourceItem]:
        """Yield the documents of a stream that cannot be read twice: its first rows are a sample.

        Raises:
            SourceError: the stream as a whole cannot be read.
        """
        with self._sheet(stream) as sheet:
            rows = sheet.rows()
            sample = list(islice(rows, SAMPLE_ROWS))
            inference = self._inference(sheet)
            inference.add([row.fields for row in sample if isinstance(row, Row)])
            types = self._types(sheet, inference)
            yield from self._documents(chain(sample, rows), types)

    def twice(self, first: BinaryIO, second: BinaryIO) -> Iterator[SourceItem]:
        """Yield the documents of a file that is open twice: its types are inferred from all rows.

        Raises:
            SourceError: the file as a whole cannot be read.
        """
        with self._sheet(first) as sheet:
            types = self._types(sheet, self._inferred(sheet))
        with self._sheet(second) as sheet:
            yield from self._documents(sheet.rows(), types)

    @contextmanager
    def _sheet(self, stream: BinaryIO) -> Iterator[Delimited]:
        with as_text(buffered(stream), self.encoding) as text:
            yield Delimited(text, self.dialect, self.columns, self.name)

    def _inferred(self, sheet: Delimited) -> Inference:
        inference = self._inference(sheet)
        rows = sheet.rows()
        while not inference.is_settled and (some := list(islice(rows, SAMPLE_ROWS))):
            inference.add([row.fields for row in some if isinstance(row, Row)])
        return inference

    def _inference(self, sheet: Delimited) -> Inference:
        known = self.types.keys() | self._remembered().keys()
        return Inference(set(self.columns.collected(sheet.header)) - known)

    def _remembered(self) -> dict[str, str]:
        return {name: kind for name, kind in self.remembered.items() if kind in TYPES}

    def _types(self, sheet: Delimited, inference: Inference) -> ColumnTypes:
        """Return the types of the columns, and note them as used."""
        collected = self.columns.collected(sheet.header)
        if unknown := [name for name in self.types if sheet.header and name not in collected]:
            raise SourceError(
                f"{self.name} has no column of metadata {unknown[0]!r} that could be of type "
                f"{self.types[unknown[0]]}: the columns are {', '.join(sorted(collected))}."
            )
        found = {**inference.types(), **self._remembered(), **self.types}
        self.used.clear()
        self.used.update((name, found[name]) for name in collected if name in found)
        return ColumnTypes(self.used, given=self.types.keys())

    def _documents(self, rows: _Rows, types: ColumnTypes) -> Iterator[SourceItem]:
        for row in rows:
            if not isinstance(row, Row):
                yield row
                continue
            try:
                types.apply(row.fields)
            except DocumentError as error:
                yield self.columns.failure(row.fields, row.where, error)
            else:
                yield self.columns.document(row.fields, row.where)


class CSV:
    """A CSV or TSV file with a header line, compressed (`.gz`, `.bz2`, `.xz`) or not.

    `metadata` names the column of a JSON object, or the columns to collect; None takes the column
    `metadata` if there is one, else all remaining columns. Their values are typed: see `types`.

    A row that cannot be read is a Failure. A quote that is not closed costs its own row: reading
    goes on in the next line. Reading raises the csv module's own limit on the length of a field,
    which the whole process shares.

    Args:
        path: the file.
        id: the column of the ids.
        content: the column of the texts.
        metadata: a column of JSON objects, or the columns to collect.
        embedding: the column of vectors, as JSON.
        delimiter: one character. By default a tab for `.tsv`; else a comma, or whichever of
            `;`, tab and `|` the header can be read with, or the one of a line `sep=;`.
        encoding: of a file without a byte order mark.
        quote: the character around fields that hold delimiters or line ends, or `none`, the
            default for `.tsv`.
        types: the types of columns: int, float, bool, date, datetime or text. By default a
            type is inferred from all values of a column. Dates stay text, as JSON has none.

    Raises:
        SourceError: there is no such file, or it lacks the named columns.
        ConfigurationError: an option has a value that it cannot have.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        id: str = "id",
        content: str = "content",
        metadata: str | Sequence[str] | None = None,
        embedding: str = "embedding",
        delimiter: str | None = None,
        encoding: str = UTF_8,
        quote: str | None = None,
        types: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        found = require_file(path)
        is_tabbed = without_compression(found).endswith(".tsv")
        self._reader = DelimitedReader(
            name=str(found),
            columns=Columns(id=id, content=content, metadata=metadata, embedding=embedding),
            dialect=(Dialect.tabbed if is_tabbed else Dialect.of)(delimiter, quote),
            encoding=encoding,
            types=types or {},
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def documents(self) -> Iterator[SourceItem]:
        """Yield each row's document, or a Failure that names the line it begins on."""
        path = require_file(self.path)
        try:
            with open_bytes(path) as first, open_bytes(path) as second:
                yield from self._reader.twice(first, second)
        except (*READ_ERRORS, UnicodeError) as error:
            raise SourceError(f"{path} cannot be read: {error}.") from error

    def count(self) -> int | None:
        """Return None: the number is not known without reading the file."""
        return None

    def typed(self, known: Mapping[str, str]) -> CSV:
        """Return the source with the types of an earlier run; those given to it win."""
        made = copy(self)
        made._reader = replace(self._reader, remembered=known, used={})
        return made

    def types(self) -> Mapping[str, str]:
        """Return the type of each column of the metadata, once `documents()` has begun."""
        return dict(self._reader.used)
