"""Delimited text, read strictly: a broken row costs itself, and no row vanishes in another."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, TextIO

from embeddb.errors import ConfigurationError, SourceError, UnreadableDocumentError
from embeddb.records import Failure, Skipped
from embeddb.sources.byte_streams import is_text
from embeddb.sources.rows import Columns

COMMA = ","
TAB = "\t"
NO_QUOTE = "none"

# The csv module refuses fields over 128 KiB unless told otherwise, and a text can be longer.
MAX_FIELD_CHARACTERS = 64 * 1024 * 1024

# Ids of rows before, which a line after a broken row is compared with.
_KNOWN_IDS = 100

_OTHER_DELIMITERS = (";", TAB, "|")
_NO_TEXT = "not text in this encoding: name the right one with encoding=… (--encoding)"
_REMEDY = "double the quotes that are text, or turn quoting off with quote='none' (--quote none)"
_SEPARATOR_LINE = re.compile(r"sep=(.)[\r\n]*", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How rows are written.

    Attributes:
        delimiter: None where the header decides: a comma, or what it can be read with.
        quote: the character around fields that hold delimiters or line ends, or `none`.
    """

    delimiter: str | None = None
    quote: str = '"'

    def __post_init__(self) -> None:
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in "\r\n"):
            raise ConfigurationError(
                f"The delimiter {self.delimiter!r} is not one character: give one such as ';'."
            )
        if self.quote != NO_QUOTE and (len(self.quote) != 1 or self.quote in "\r\n"):
            raise ConfigurationError(
                f"The quote {self.quote!r} is not one character: give one such as '\"', or "
                f"{NO_QUOTE!r} where quotes are text."
            )

    @classmethod
    def of(cls, delimiter: str | None = None, quote: str | None = None) -> Dialect:
        """Return the dialect of CSV, with what is given in place of its own."""
        return cls(delimiter, quote or '"')

    @classmethod
    def tabbed(cls, delimiter: str | None = None, quote: str | None = None) -> Dialect:
        """Return the dialect of TSV, where quotes are text, with what is given in place of it."""
        return cls(delimiter or TAB, quote or NO_QUOTE)

    def reader(self, lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
        """Return the rows of lines; it raises csv.Error for what is against the rules."""
        quoted = self.quote != NO_QUOTE
        return csv.reader(
            lines,
            delimiter=delimiter,
            quotechar=self.quote if quoted else None,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
            strict=True,
        )


class Row(NamedTuple):
    """A row by the names of its columns, and the line that it begins on."""

    line: int
    fields: dict[str, Any]

    @property
    def where(self) -> str:
        """The place of the row, for messages."""
        return f"line {self.line}"


class Delimited:
    """The rows of one stream, which is read once.

    After a row that cannot be read, reading goes on in the line after the one that it began on,
    for a quote that is not closed takes in the rows after it. That next line is refused as well,
    because it may be the rest of the cell. From there a line counts as a row once it looks like the
    rows before.

    Args:
        file: the text, with its line ends as they are.
        dialect: how the rows are written.
        columns: which columns are wanted.
        name: what the stream is called in messages.

    Raises:
        SourceError: the header cannot be read, or lacks the wanted columns.
    """

    def __init__(self, file: TextIO, dialect: Dialect, columns: Columns, name: str) -> None:
        csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD_CHARACTERS))
        self._lines = _Lines(file)
        self._dialect = dialect
        self._columns = columns
        self._name = name
        self._delimiter = self._find_delimiter()
        self._reader = dialect.reader(self._lines, self._delimiter)
        self._known: deque[str] = deque(maxlen=_KNOWN_IDS)
        self._unnamed: list[str] = []
        self.header = self._header()
        self._id = self.header.index(columns.id) if self.header else 0

    def rows(self) -> Iterator[Row | Failure | Skipped]:
        """Yield each row, or a Failure that names the line it begins on."""
        lost = False  # after a row that could not be read
        while (record := self._record()) is not None:
            problem = record if isinstance(record, str) else self._problem(record, lost)
            if problem is not None:
                is_open = self._lines.taken > 1  # its quote took in the lines after it
                lost = lost or isinstance(record, str) or is_open
                yield self._failure(problem)
                self._lines.go_back()
                if is_open:
                    yield from self._doubtful()
            elif isinstance(record, list) and any(map(str.strip, record)):
                lost = False
                self._known.append(record[self._id])
                yield Row(self._lines.first, self._named(record))
            elif record:
                yield Skipped(id=f"line {self._lines.first}", reason="empty row")

    def _doubtful(self) -> Iterator[Failure]:
        """Yield a failure for the line after an open quote: nobody can tell whose text it is."""
        self._lines.begin()
        if next(self._lines, None) is not None:
            yield self._failure("it follows a quote that is not closed, and may belong to its cell")

    def _find_delimiter(self) -> str:
        first = next(self._lines, "")
        separator = _SEPARATOR_LINE.fullmatch(first)
        if separator is not None:  # a line for Excel, which is no row
            return self._dialect.delimiter or separator.group(1)
        self._lines.give_back()
        return self._dialect.delimiter or self._fitting_delimiter(first)

    def _fitting_delimiter(self, header: str) -> str:
        """Return the delimiter that makes the wanted columns of a header: a comma where none."""
        for delimiter in (COMMA, *_OTHER_DELIMITERS):
            try:
                names = next(self._dialect.reader([header], delimiter), [])
            except csv.Error:
                continue
            if self._columns.are_in(names):
                return delimiter
        return COMMA

    def _header(self) -> list[str]:
        record: list[str] | str | None = []
        while not record and record is not None:
            record = self._record()
        if record is None:
            return []
        if isinstance(record, str):
            raise SourceError(f"The header of {self._name} cannot be read: {record}.")
        if not is_text("".join(record)):
            raise SourceError(f"The header of {self._name} is {_NO_TEXT}.")
        if "\0" in "".join(record):
            raise SourceError(
                f"The header of {self._name} holds NUL characters: if the file is in UTF-16, name "
                "that with encoding='utf-16-le' (--encoding utf-16-le)."
            )
        names = [name or f"column {number}" for number, name in enumerate(record, start=1)]
        self._unnamed = [name for name, given in zip(names, record, strict=True) if not given]
        self._columns.check(names, self._called(names))
        return names

    def _called(self, names: list[str]) -> str:
        called = f"The header of {self._name}"
        if len(names) > 1:
            return called
        return f"{called}, read with the delimiter {self._delimiter!r} (--delimiter),"

    def _record(self) -> list[str] | str | None:
        """Return the fields of the next row, what is wrong with it, or None at the end."""
        self._lines.begin()
        try:
            return next(self._reader, None)
        except csv.Error as error:
            return _explained(error, self._lines.taken)

    def _problem(self, record: list[str], lost: bool) -> str | None:
        """Return why a row cannot be taken, or None."""
        text = "".join(record)
        if not is_text(text):
            return _NO_TEXT
        if len(record) != len(self.header):
            many = f"{len(record)} fields where the header has {len(self.header)}"
            return many if text and not text.isspace() else None
        if lost and not self._looks_like_row(record):
            return "it follows a row that cannot be read, and does not look like a row itself"
        if self._lines.taken > 1 and self._holds_rows():
            return (
                "a quote opens in this line, and closes in one that looks like a row of its own: "
                + _REMEDY
            )
        return None

    def _holds_rows(self) -> bool:
        """Return whether each line after a row's first looks like a row of its own."""
        return all(map(self._looks_like_row, map(self._split, self._lines.rest())))

    def _split(self, line: str) -> list[str]:
        return line.rstrip("\r\n").split(self._delimiter)

    def _looks_like_row(self, record: list[str]) -> bool:
        """Return whether a line has all fields, and an id of the characters that ids have here."""
        if len(record) != len(self.header):
            return False
        if any(field.startswith(" ") for field in record[1:]):
            return False  # a comma in a sentence
        kinds = set(map(_kind_of_character, record[self._id]))
        if not self._known:
            return bool(kinds) and " " not in kinds
        return bool(kinds) and kinds <= set(map(_kind_of_character, chain(*self._known)))

    def _named(self, record: list[str]) -> dict[str, Any]:
        row = dict(zip(self.header, record, strict=True))
        for name in self._unnamed:
            if not row[name]:
                del row[name]
        return row

    def _failure(self, problem: str) -> Failure:
        return Failure(
            id=f"line {self._lines.first}",
            error=UnreadableDocumentError.__name__,
            message=problem,
        )


class _Lines:
    """Lines that can be gone back to as far as the row began that is being read."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._ahead: deque[str] = deque()
        self._held: list[str] = []
        self.first = 1  # the number of the first line that is held

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else next(self._lines)
        self._held.append(line)
        return line

    @property
    def taken(self) -> int:
        """How many lines the row has."""
        return len(self._held)

    def begin(self) -> None:
        """Begin a row: the lines before it are let go."""
        self.first += len(self._held)
        self._held.clear()

    def rest(self) -> list[str]:
        """Return the lines of the row after its first."""
        return self._held[1:]

    def go_back(self) -> None:
        """Go back to the line after the first of the row."""
        self._ahead.extendleft(reversed(self._held[1:]))
        del self._held[1:]

    def give_back(self) -> None:
        """Go back to the first line of the row."""
        self._ahead.extendleft(reversed(self._held))
        self._held.clear()


def _kind_of_character(character: str) -> str:
    if character.isdigit():
        return "0"
    if character.isalpha():
        return "a"
    return " " if character.isspace() else character


def _explained(error: csv.Error, lines: int) -> str:
    """Return what is wrong with a row that takes in so many lines."""
    text = str(error)
    if "unexpected end of data" in text or ("expected after" in text and lines > 1):
        return f"a quote opens in this line that is never closed rightly: {_REMEDY}"
    if "expected after" in text:
        return f"text follows a closing quote: {_REMEDY}"
    return text
