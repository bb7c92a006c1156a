"""What is left out of chunks: lines that belong to a page or a site, and say nothing themselves.

Each kind is taken only where it is clear. A line with words of its own is never left out, unless it
repeats at the edge of most pages or is an entry of a table of contents.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]

PAGE = "\f"
"""What stands between two pages."""

FEWEST_PAGES = 3
"""Pages that a text must have before a line at their edges can be told from its own text."""

SHARE_OF_PAGES = 0.4
"""Of the pages: left and right ones may have different lines."""

EDGE_LINES = 2
"""Lines at the top of a page, and as many at its bottom, that can be a header or footer."""

FEWEST_ENTRIES = 3
"""Entries that make a table of contents where nothing calls it so."""

LONGEST_LINE = 1_000
"""A line of more characters is none of these."""

_NUMBER = re.compile(r"\d+")
_LONE_NUMBER = re.compile(
    r"[-–—\s]*(?:page|seite|p\.)?\s*\d+(?:\s*(?:/|of|von)\s*\d+)?[-–—\s]*",
    re.IGNORECASE,
)

_LEADERS = re.compile(r"\.\.\.\.|\. \. \. \.|……|····|____")
_ENTRY_END = re.compile(r"(?:(?:\.\s?){4,}|…{2,}|·{4,}|_{4,})\s*(\d{1,4}|[ivxlc]{1,7})\s*\|?\s*$")
_CONTENTS = re.compile(
    r"[\s#*_=]*(?:table of )?(?:contents|figures|tables|inhalt(?:sverzeichnis)?|sommaire|"
    r"table des matières|índice|contenido|indice|inhoud)[\s#*_=:]*",
    re.I,
)
_NEAR_CONTENTS = 3

# in a form that is found fast
_NAVIGATION = re.compile(r"[Pp]rev|PREV|[Nn]ext|NEXT|[Ss]kip to|[Bb]ack to top|[Jj]ump to")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_BETWEEN = re.compile(r"[|·•‹›«»←→<>/\[\]()*_\\,–—-]|\s{2,}|&[a-z]+;")
_WAYS = frozenset(
    {
        *("prev", "previous", "previous page", "next", "next page", "up", "home", "top", "index"),
        *("contents", "table of contents", "toc", "back", "search", "modules", "menu"),
        *("prev next", "next prev", "prev up next", "prev home next", "previous next"),
    }
)
_TURNS = re.compile(r"\b(?:prev|previous|next)\b", re.I)
_JUMPS = re.compile(
    r"(?:skip to (?:main |the )?(?:content|navigation|search)|back to top|"
    r"jump to (?:navigation|content|search)(?: jump to (?:navigation|search))?)",
    re.I,
)


def asides(content: str, code: Sequence[Span] = ()) -> tuple[Span, ...]:
    """Return the spans of what is left out, in order; never inside `code`."""
    found: set[Span] = set()
    if PAGE in content:
        found.update(_running_lines(content))
    found.update(_entries(content))
    found.update(_navigation(content))
    if not found:
        return ()
    return tuple(
        span for span in sorted(found) if not any(start <= span[0] < stop for start, stop in code)
    )


def pieces(content: str, left_out: Sequence[Span]) -> list[Span]:
    """Return what is to be cut: page by page, without what is left out."""
    found: list[Span] = []
    start = 0
    for first, last in [*left_out, (len(content), len(content))]:
        while start < first:
            page = content.find(PAGE, start, first)
            stop = first if page < 0 else page
            if content[start:stop].strip():
                found.append((start, stop))
            start = first if page < 0 else page + 1
        start = max(start, last)
    return found


def is_text(content: str) -> bool:
    """Return whether there is more to a text than rules, brackets and other punctuation."""
    return _PUNCTUATION.fullmatch(content) is None


# ASCII's punctuation, that of other scripts, and what rules are drawn with
_PUNCTUATION = re.compile(
    r"[\s!-/:-@\[-`{-~\u00a0\u00a1\u00ab\u00b7\u00bb\u00bf\u2010-\u2027\u2030-\u205e"
    r"\u2500-\u259f\u3000-\u3003]*"
)


def _running_lines(content: str) -> Iterator[Span]:
    """Yield the lines at the edges of pages that are the same on many, but for a page's number."""
    pages = list(_edges(content))
    if len(pages) < FEWEST_PAGES:
        return
    counts: Counter[tuple[bool, str]] = Counter()
    for number, edges in enumerate(pages):
        seen = {(top, key) for _, top, line in edges for key in _keys(line, number)}
        counts.update(seen)
    most = max(FEWEST_PAGES, SHARE_OF_PAGES * len(pages))
    for number, edges in enumerate(pages):
        for span, top, line in edges:
            if any(counts[top, key] >= most for key in _keys(line, number)):
                yield span


def _edges(content: str) -> Iterator[list[tuple[Span, bool, str]]]:
    """Yield the outer lines of each page that has any: span, whether it is at the top, text."""
    start = 0
    while start <= len(content):
        stop = content.find(PAGE, start)
        stop = len(content) if stop < 0 else stop
        spans = [
            (start + first, start + last)
            for first, last in _lines(content[start:stop])
            if content[start + first : start + last].strip()
        ]
        number = min(EDGE_LINES, len(spans) // 2)
        chosen = [(span, True) for span in spans[:number]]
        chosen += [(span, False) for span in spans[len(spans) - number :]]
        if chosen:
            yield [(span, top, content[slice(*span)].strip()) for span, top in chosen]
        start = stop + 1


def _keys(line: str, page: int) -> set[str]:
    """Return what a line is known by: itself, or itself with its first or last number as a page's.

    A page's number grows by one from page to page, and so does no other.
    """
    if line.startswith("#"):
        return set()
    numbers = list(_NUMBER.finditer(line))
    found = set() if _LONE_NUMBER.fullmatch(line) else {line}
    for number in (*numbers[:1], *numbers[-1:]):
        if len(number.group()) < 6:
            shown = int(number.group()) - page
            found.add(f"{line[: number.start()]}\0{shown}\0{line[number.end() :]}")
    return found


def _entries(content: str) -> Iterator[Span]:
    """Yield the entries of tables of contents: words, a row of dots, the number of a page.

    They stand below a line that says so, or in a text of pages with numbers that never fall.
    """
    run: list[tuple[Span, str]] = []
    for span in _lines_with(_LEADERS, content):
        if (number := _entry(content[slice(*span)])) is None:
            continue
        if run and content[run[-1][0][1] : span[0]].strip():
            yield from _if_contents(content, run)
            run = []
        run.append((span, number))
    if run:
        yield from _if_contents(content, run)


def _if_contents(content: str, run: Sequence[tuple[Span, str]]) -> Iterator[Span]:
    """Yield the entries that follow each other where they are a table of contents."""
    shown = [int(number) for _, number in run if number.isdecimal()]
    is_paged = PAGE in content and len(run) >= FEWEST_ENTRIES and shown == sorted(shown)
    if is_paged or _is_called_contents(content, run[0][0][0]):
        yield from (span for span, _ in run)


def _is_called_contents(content: str, offset: int) -> bool:
    for _ in range(_NEAR_CONTENTS):
        while offset > 0 and content[offset - 1].isspace():
            offset -= 1
        if offset == 0:
            return False
        start, stop = _line_at(content, offset - 1)
        if _CONTENTS.fullmatch(content[start:stop]):
            return True
        offset = start
    return False


def _entry(line: str) -> str | None:
    """Return the page that a line of a table of contents ends with; None if it is no such line."""
    found = None if len(line) > LONGEST_LINE else _ENTRY_END.search(line)
    return found[1] if found and not _is_blank(line[: found.start()]) else None


def _is_blank(text: str) -> bool:
    return not any(character.isalnum() for character in text)


def _navigation(content: str) -> Iterator[Span]:
    """Yield lines that lead through a site, such as `Prev | Up | Next`, and the table they are in.

    Only such as hold nothing but words for ways: a line that names the next page has its own text.
    """
    for span in _lines_with(_NAVIGATION, content):
        if not _is_navigation(content[slice(*span)]):
            continue
        yield span
        start, stop = span
        while start > 0 and _is_rule(content[slice(*(before := _line_at(content, start - 1)))]):
            yield before
            start = before[0]
        while stop < len(content) and _is_rule(content[slice(*(after := _line_at(content, stop)))]):
            yield after
            stop = after[1]


def _is_rule(line: str) -> bool:
    """Return whether a line is of a table, and has no words."""
    return "|" in line and not is_text(line)


def _lines_with(pattern: re.Pattern[str], content: str) -> Iterator[Span]:
    """Yield the lines in which there is a match."""
    offset = 0
    while found := pattern.search(content, offset):
        span = _line_at(content, found.start())
        yield span
        offset = max(span[1], found.end())


def _line_at(content: str, offset: int) -> Span:
    """Return the span of the line that an offset is in, its end included; a page ends it too."""
    start = content.rfind("\n", 0, offset) + 1
    stop = content.find("\n", offset) + 1 or len(content)
    page = content.find(PAGE, offset, stop)
    return max(start, content.rfind(PAGE, start, offset) + 1), stop if page < 0 else page


def _is_navigation(line: str) -> bool:
    if len(line) > LONGEST_LINE:
        return False
    plain = _LINK.sub(r" | \1 | ", line)
    words = [" ".join(part.split()).casefold() for part in _BETWEEN.split(plain)]
    words = [word for word in words if word]
    if not words:
        return False
    if all(_JUMPS.fullmatch(word) for word in words):
        return True
    turns = sum(_TURNS.search(word) is not None for word in words)
    is_linked = plain != line or "|" in line or any(arrow in line for arrow in "←→«»‹›")
    return turns > 0 and all(word in _WAYS for word in words) and (len(words) > 1 or is_linked)


def _lines(content: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each line, its end included."""
    start = 0
    while start < len(content):
        stop = content.find("\n", start) + 1 or len(content)
        yield start, stop
        start = stop
