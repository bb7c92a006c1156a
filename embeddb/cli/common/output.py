"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Return a console that prints texts as they are; without a terminal, without control codes."""
    return Console(stderr=stderr, quiet=quiet, highlight=False, markup=False, emoji=False)


out = console()
err = console(stderr=True)

COLUMN_GAP = 3
"""What a table puts between two columns."""

LEAST_TEXT = 12
"""A column that is cut keeps this many characters, however narrow the terminal is."""


def say(text: str) -> None:
    """Print a text on stdout, its lines as long as they are."""
    out.print(text, soft_wrap=True)


def emit(data: object) -> None:
    """Print one JSON document on stdout."""
    escaped = "utf" not in (sys.stdout.encoding or "").lower()
    text = json.dumps(data, ensure_ascii=escaped, indent=2, default=_plain)
    sys.stdout.write(text + "\n")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    clip: str | None = None,
) -> Table:
    """Return a table for people.

    Args:
        columns: their headings.
        rows: one value a column; a rich Text keeps its style.
        right: the columns of numbers.
        clip: the column whose texts are cut to what the others leave of the line.
    """
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        if column in right:
            grid.add_column(column, justify="right", no_wrap=True)
        else:
            grid.add_column(column, overflow="fold")
    cells = [
        [value if isinstance(value, Text) else Text(str(value)) for value in row] for row in rows
    ]
    if clip is not None:
        _clip(columns, cells, columns.index(clip))
    for row in cells:
        grid.add_row(*row)
    return grid


def _clip(columns: Sequence[str], cells: list[list[Text]], clipped: int) -> None:
    left = out.width - COLUMN_GAP * len(columns)
    for number, column in enumerate(columns):
        if number != clipped:
            left -= max([len(column), *(row[number].cell_len for row in cells)])
    for row in cells:
        row[clipped].truncate(max(left, LEAST_TEXT), overflow="ellipsis")


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """Return names and their values, a line each."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(name, str(value))
    return grid


def snippet(text: str | None, length: int = 120) -> str:
    """Return the beginning of a text on one line."""
    line = " ".join((text or "").split())
    return line if len(line) <= length else line[: length - 1] + "…"


def record_fields(record: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the fields of a dataclass, by name and in order."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Turn records and arrays into what JSON has."""
    if dataclasses.is_dataclass(value):
        return record_fields(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return dict(value) if hasattr(value, "keys") else str(value)
