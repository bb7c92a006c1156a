"""Rows of cells as a table in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as a pipe table, the first one as its head, without empty rows and columns."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    used = sorted({column for row in cells for column, cell in enumerate(row) if cell})
    if not used:
        return ""
    lines = [_line([row[column] if column < len(row) else "" for column in used]) for row in cells]
    return "\n".join([lines[0], _line(["---"] * len(used)), *lines[1:]])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
