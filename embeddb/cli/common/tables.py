"""Tables: fitted to the line for people at a terminal, a row a line for everybody else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from embeddb.cli.common.streams import written

GAP = 2
"""Spaces between two columns where there is no terminal."""

RULED_GAP = 3
"""The same in a table with a rule under its head."""

_BREAKS = re.compile(r"\s*[\n\t]\s*")

LEAST_TEXT = 12
"""A column that is cut keeps this many characters, however narrow the terminal is."""

LEAST_PROSE = 30
"""A column that is wrapped keeps this many."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Rows under headings.

    No cell is broken over lines, except those of `prose`. Without a terminal each row is one line,
    as long as it is. At a terminal, where the line has no room for all, `clip` is cut, `prose` is
    wrapped, and the columns of `drop` are left out, the first one first.

    Attributes:
        columns: the headings; empty for none.
        rows: one cell a column.
        right: the columns of numbers.
        clip: a column whose end may be missing.
        prose: a column of sentences.
        drop: the columns that matter least.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Text]]
    right: Sequence[str] = ()
    clip: str | None = None
    prose: str | None = None
    drop: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text | Table]:
        """Yield the lines, or a table that fits the console."""
        if not console.is_terminal:
            yield from (_line(text) for text in self.lines(console.encoding))
            return
        kept = self._kept(options.max_width)
        left_out = [name for name in self.columns if name not in kept]
        yield self._table(kept, options.max_width)
        if left_out:
            yield Text(f"No room for: {', '.join(left_out)}.", style="dim")

    def lines(self, encoding: str = "utf-8") -> Iterator[str]:
        """Yield each row as a line: its columns aligned, and nothing cut."""
        cells = [[written(_one_line(cell.plain), encoding) for cell in row] for row in self.rows]
        rows = [list(self.columns), *cells]
        widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            padded = (
                _padded(cell, width, name in self.right)
                for cell, width, name in zip(row, widths, self.columns, strict=True)
            )
            yield (" " * GAP).join(padded).rstrip()

    def _natural(self, name: str) -> int:
        """Return the width that a column takes if nothing limits it."""
        place = self.columns.index(name)
        return max([cell_len(name), *(_widest(row[place]) for row in self.rows)])

    def _least(self, name: str) -> int:
        """Return the width that a column needs."""
        if name == self.clip:
            return min(self._natural(name), LEAST_TEXT)
        return min(self._natural(name), LEAST_PROSE) if name == self.prose else self._natural(name)

    def _kept(self, width: int) -> list[str]:
        """Return the columns that the line has room for."""
        kept = list(self.columns)
        for name in self.drop:
            if self._room(kept, width) >= 0:
                break
            kept.remove(name)
        return kept

    def _room(self, kept: Sequence[str], width: int) -> int:
        """Return what the least widths leave of a line; it is negative if they are too much."""
        return width - sum(map(self._least, kept)) - RULED_GAP * (len(kept) - 1)

    def _table(self, kept: Sequence[str], width: int) -> Table:
        room = self._room(kept, width)
        table = Table(
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1),
            header_style="bold",
            # what does not fit goes on in the next line of the terminal, as it is
            width=width - room if room < 0 else None,
        )
        for name in kept:
            wraps = name == self.prose
            table.add_column(
                Text(name),
                justify="right" if name in self.right else "left",
                no_wrap=not wraps,
                overflow="fold" if wraps else "ellipsis",
                width=min(self._natural(name), self._least(name) + max(room, 0)),
            )
        for row in self.rows:
            cells = dict(zip(self.columns, row, strict=True))
            table.add_row(*(self._cell(name, cells[name]) for name in kept))
        return table

    def _cell(self, name: str, cell: Text) -> RenderableType:
        return cell if name == self.prose else _on_one_line(cell)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Names and their values, a line each."""

    pairs: Sequence[tuple[str, str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield the lines; a terminal wraps by itself those that are too long for it."""
        width = max((cell_len(name) for name, _ in self.pairs), default=0)
        for name, value in self.pairs:
            line = _line(_padded(name, width + GAP, False) + _one_line(value))
            line.rstrip()
            line.stylize("bold", 0, len(name))
            yield line


def shown(text: str) -> str:
    """Return a text with its control characters written out, which a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(
        one if one in "\n\t" or not _is_control(one) else one.encode("unicode_escape").decode()
        for one in text
    )


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f"


def _one_line(text: str) -> str:
    return _BREAKS.sub(" ", shown(text))


def _on_one_line(cell: Text) -> Text:
    plain = _one_line(cell.plain)
    return cell if plain == cell.plain else Text(plain, style=cell.style)


def _widest(cell: Text) -> int:
    return cell_len(_one_line(cell.plain))


def _padded(text: str, width: int, right: bool) -> str:
    filler = " " * (width - cell_len(text))
    return filler + text if right else text + filler


def _line(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ignore")
