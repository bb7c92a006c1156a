"""Where Markdown's blocks start and stop: fenced code, tables, items of lists."""

from __future__ import annotations

import re
from functools import cache

_FENCE = re.compile(r"^[ \t]*(`{3,}(?!.*`)|~{3,})([^\r\n]*)(?:\r?\n|\Z)", re.MULTILINE)
_DELIMITERS = re.compile(
    r"^[ \t]*(?=[^\r\n]*\|)\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*(?:\r?\n|\Z)",
    re.MULTILINE,
)
_ROW = re.compile(r"[^\r\n|]*\|[^\r\n]*(?:\r?\n|\Z)")
_ITEM = re.compile(r"^([ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]+\S", re.MULTILINE)


def fences(content: str) -> list[tuple[int, int]]:
    """Return the spans of fenced code, the fences included; one without an end has the rest."""
    found: list[tuple[int, int]] = []
    opened: tuple[int, str] | None = None
    for match in _FENCE.finditer(content):
        mark, rest = match.groups()
        if opened is None:
            opened = match.start(), mark
        elif mark.startswith(opened[1]) and not rest.strip():
            found.append((opened[0], match.end()))
            opened = None
    if opened is not None:
        found.append((opened[0], len(content)))
    return found


def tables(content: str) -> list[tuple[int, int]]:
    """Return the spans of tables: a row, a line of dashes below it, and more rows."""
    if "|" not in content:
        return []
    found: list[tuple[int, int]] = []
    done = 0
    for match in _DELIMITERS.finditer(content):
        if match.start() < done or match.start() == 0:
            continue
        start = content.rfind("\n", 0, match.start() - 1) + 1
        stop = match.end()
        while stop < len(content) and (row := _ROW.match(content, stop)):
            stop = row.end()
        found.append((start, stop))
        done = stop
    return found


def list_items(content: str) -> list[tuple[int, int]]:
    """Return the spans of the items of lists, with the items below them."""
    found: list[tuple[int, int]] = []
    opened: list[tuple[int, int, int]] = []  # indent, start, and the last stop that is possible
    for match in _ITEM.finditer(content):
        start, indent = match.start(), len(match.group(1).expandtabs(4))
        while opened and (opened[-1][0] >= indent or opened[-1][2] <= start):
            _, first, last = opened.pop()
            found.append((first, min(last, start)))
        opened.append((indent, start, _end_of_item(content, start, len(match.group(1)))))
    found += [(start, stop) for _, start, stop in opened]
    return found


def _end_of_item(content: str, start: int, indent: int) -> int:
    """Return where a paragraph begins that does not belong to an item; the text's end at most."""
    end = _outdented(min(indent, 40)).search(content, start)
    return len(content) if end is None else end.end()


@cache
def _outdented(indent: int) -> re.Pattern[str]:
    # an item at the same indent stops it too, but does so by itself
    return re.compile(rf"\n[ \t]*\r?\n(?=[ \t]{{0,{indent}}}[^\s])")
