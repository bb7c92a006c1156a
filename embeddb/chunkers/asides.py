"""What is left out of the chunks: lines that belong to a page or a site, and say nothing themselves.

Each kind is taken only where it is clear. A line with words of its own is never left out, unless it
repeats at the edge of most pages or is an entry of a table of contents.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from embeddb.chunkers.markdown_blocks import lines

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

_NUMBER = re.compile(r"\d+")
_LONE_NUMBER = re.compile(r"[-–—\s]*(?:page|seite|p\.)?\s*\d+(?:\s*(?:/|of|von)\s*\d+)?[-–—\s]*", re.I)  # noqa: RUF001

_LEADERS = re.compile(r"\.{4}|(?:\. ){3}\.|…{2}|·{4}|_{4}")
_ENTRY = re.compile(
    r"[^\r\n]*?\w[^\r\n]*?\s*(?:(?:\.\s?){4,}|…{2,}|·{4,}|_{4,})\s*(\d{1,4}|[ivxlc]{1,7})\s*\|?\s*"
)
_CONTENTS = re.compile(
    r"[\s#*_=]*(?:table of )?(?:contents|figures|tables|inhalt(?:sverzeichnis)?|sommaire|"
    r"table des matières|índice|contenido|indice|inhoud)[\s#*_=:]*",
    re.I,
)
_NEAR_CONTENTS = 3

_NAVIGATION = re.compile(r"\b(?:prev(?:ious)?|next|skip to|back to top|jump to)\b", re.I)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_BETWEEN = re.compile(r"[|·•‹›«»←→<>/\[\]()*_\\,–—-]|\s{2,}|&[a-z]+;")  # noqa: RUF001
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
    if _LEADERS.search(content):
        found.update(_entries(content))
    if _NAVIGATION.search(content):
        found.update(_navigation(content))
    if not found:
        return ()
    return tuple(
        span
        for span in sorted(found)
        if not any(start <= span[0] < stop for start, stop in code)
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
_PUNCTUATION = re.compile(r"[\s!-/:-@\[-`{-~\u00a0\u00ab\u00b7\u00bb\u2010-\u2027\u2030-\u205e\u2500-\u259f\u3000-\u3003]*")  # fmt: skip


def _running_lines(content: str) -> Iterator[Span]:
    """Yield the lines at the edges of pages that are the same on many, but for the page's number."""
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
            for first, last in lines(content[start:stop])
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
    spans = [span for span in lines(content) if content[slice(*span)].strip()]
    matches = [_ENTRY.fullmatch(content[slice(*span)].strip()) for span in spans]
    number = 0
    for is_entry, group in groupby(matches, key=lambda match: match is not None):
        run = list(group)
        if is_entry:
            before = spans[max(0, number - _NEAR_CONTENTS) : number]
            named = any(_CONTENTS.fullmatch(content[slice(*span)]) for span in before)
            shown = [int(match[1]) for match in run if match and match[1].isdecimal()]
            paged = PAGE in content and len(run) >= FEWEST_ENTRIES and shown == sorted(shown)
            if named or paged:
                yield from spans[number : number + len(run)]
        number += len(run)


def _navigation(content: str) -> Iterator[Span]:
    """Yield lines that lead through a site, such as `Prev | Up | Next`, and the table they are in.

    Only such as hold nothing but words for ways: a line that names the next page has its own text.
    """
    rules: list[Span] = []
    is_after = False
    for span in lines(content):
        line = content[slice(*span)]
        if _is_navigation(line):
            yield from rules
            yield span
            rules, is_after = [], True
        elif "|" in line and not is_text(line):
            if is_after:
                yield span
            else:
                rules.append(span)
        elif line.strip():
            rules, is_after = [], False


def _is_navigation(line: str) -> bool:
    if len(line) > 1_000 or not _NAVIGATION.search(line):
        return False
    plain = _LINK.sub(r" | \1 | ", line)
    words = [" ".join(part.split()).casefold() for part in _BETWEEN.split(plain)]
    words = [word for word in words if word]
    if not words:
        return False
    if all(_JUMPS.fullmatch(word) for word in words):
        return True
    turns = sum(_TURNS.search(word) is not None for word in words)
    is_linked = plain != line or "|" in line or any(arrow in line for arrow in "←→«»‹›")  # noqa: RUF001
    return turns > 0 and all(word in _WAYS for word in words) and (len(words) > 1 or is_linked)
