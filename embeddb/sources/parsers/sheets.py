"""Excel as Markdown: a heading and a table for each sheet."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any

from embeddb.errors import DocumentTooLargeError, UnreadableDocumentError
from embeddb.sources.extras import needs_documents_extra
from embeddb.sources.parsers.archive import open_archive
from embeddb.sources.parsers.parsed import Parsed
from embeddb.sources.parsers.tables import markdown_table

# A cell far off makes a sheet of 16,384 columns and a million rows; nobody wrote that.
MAX_CELLS = 5_000_000


def xlsx_file(data: bytes) -> Parsed:
    """Return the cells of a workbook as Markdown; formulas are what they came to.

    Raises:
        UnreadableDocumentError: the bytes are no workbook.
        DocumentTooLargeError: it is too large.
        MissingDependencyError: the `documents` extra is not installed.
    """
    with needs_documents_extra("Excel files"):
        import openpyxl

    with open_archive(data, "an Excel file"):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions that hold no text
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            sheets = [(sheet.title, _table(sheet)) for sheet in book.worksheets]
    except DocumentTooLargeError:
        raise
    except Exception as error:  # of the zip, the XML, or what is missing
        raise UnreadableDocumentError(f"not an Excel file: {error}") from error
    return Parsed("\n\n".join(f"## {name}\n\n{table}" for name, table in sheets if table))


def _table(sheet: Any) -> str:  # noqa: ANN401
    sheet.reset_dimensions()  # what programs say of the size of a sheet is often wrong
    return markdown_table(_rows(sheet.iter_rows(values_only=True)))


def _rows(rows: Iterable[tuple[object, ...]]) -> Iterator[list[str]]:
    cells = 0
    for row in rows:
        cells += len(row)
        if cells > MAX_CELLS:
            raise DocumentTooLargeError(f"a sheet has more than {MAX_CELLS:,} cells: split it")
        if any(value is not None for value in row):
            yield [_shown(value) for value in row]


def _shown(value: object) -> str:
    """Return a value as a sheet shows it: whole numbers without a fraction, dates in ISO."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, date | datetime | time):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)
