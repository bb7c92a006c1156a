"""Rows of cells as a table in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as a pipe table, the first one as its head.

    Empty rows are left out, and so are columns that are empty to the end.
    """
    cells = [[_cell(cell) for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    if not cells:
        return ""
    width = max(index for row in cells for index, cell in enumerate(row, 1) if cell)
    lines = [_line([*row[:width], *[""] * (width - len(row))]) for row in cells]
    return "\n".join([lines[0], _line(["---"] * width), *lines[1:]])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
