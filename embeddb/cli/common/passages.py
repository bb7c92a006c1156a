"""What a hit says, for people: the lines around the words that were searched for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from embeddb.cli.common.tables import shown

if TYPE_CHECKING:
    from embeddb.records import Hit

LINES = 4
"""How many lines of a chunk are shown."""

WIDEST = 100
"""Lines are wrapped here where they could be longer."""

INDENT = "   "

_COMMON = frozenset(
    [
        "about",
        "and",
        "are",
        "can",
        "did",
        "does",
        "for",
        "from",
        "get",
        "has",
        "have",
        "how",
        "into",
        "its",
        "not",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "was",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "you",
        "your",
    ]
)
"""Words that are in every text; they would be highlighted everywhere."""

_WORD = re.compile(r"\w+")


def passage(hit: Hit, number: int, query: str | None, console: Console, *, full: bool) -> Text:
    """Return a hit as it is shown: where it is, how near, and what it says.

    Args:
        hit: what was found.
        number: its place among the hits, from 1.
        query: the text that was searched for, whose words are marked; None: it was no text.
        console: what it is shown on.
        full: show the whole chunk, its lines as they are.
    """
    head = Text.assemble(
        f"{number}. ",
        (shown(hit.id), "bold"),
        f"  chunk {hit.chunk_no}",
        (f"  score {hit.score:.3f}  distance {hit.distance:.3f}", "dim"),
    )
    parts = [head]
    if where := _where(hit):
        parts.append(Text(INDENT + shown(where), style="italic"))
    words = _words(query)
    body = _lines(shown(hit.content or "(no text)"), words, console.width, full=full)
    for line in body:
        text = Text(INDENT + line)
        if words is not None:
            text.highlight_regex(words, "bold yellow")
        parts.append(text)
    return Text("\n").join(parts)


def _where(hit: Hit) -> str:
    """Return where the chunk stands: its source, and what its chunker said of it."""
    found = hit.location
    parts = [] if hit.uri is None or hit.uri == hit.id else [hit.uri]
    if found.get("page") is not None:
        parts.append(f"page {found['page']}")
    if headings := found.get("headings"):
        parts.append(" > ".join(map(str, headings)))
    if found.get("symbol"):
        parts.append(str(found["symbol"]))
    return " · ".join(parts)


def _words(query: str | None) -> re.Pattern[str] | None:
    """Return what finds the words of a query, with their endings."""
    found = dict.fromkeys(word.casefold() for word in _WORD.findall(query or ""))
    telling = [
        re.escape(word)
        for word in found
        if word not in _COMMON and (len(word) > 2 or not word.isascii())
    ]
    if not telling:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(telling)})\w{{0,3}}(?!\w)", re.IGNORECASE)


def _lines(text: str, words: re.Pattern[str] | None, width: int, *, full: bool) -> Sequence[str]:
    """Return the lines of a chunk that are shown."""
    if full:
        return text.splitlines()
    lines = list(_wrapped(text, min(width, WIDEST) - len(INDENT)))
    if len(lines) <= LINES:
        return lines
    start = 0 if words is None else _best(lines, words)
    chosen = lines[start : start + LINES]
    if start > 0:
        chosen[0] = "… " + chosen[0]
    if start + LINES < len(lines):
        chosen[-1] += " …"
    return chosen


def _wrapped(text: str, width: int) -> Iterator[str]:
    """Yield the lines of a text, the long ones in parts, without those that are empty."""
    for line in text.splitlines():
        if line.strip():
            wrapped = Text(line.rstrip()).wrap(Console(), max(width - 4, 20))
            yield from (part.plain.rstrip() for part in wrapped)


def _best(lines: Sequence[str], words: re.Pattern[str]) -> int:
    """Return the line from which on the most different words are found; the first of several."""
    found = [{match.casefold() for match in words.findall(line)} for line in lines]

    def value(start: int) -> tuple[int, int]:
        return (len(set().union(*found[start : start + LINES])), int(bool(found[start])))

    return max(range(len(lines) - LINES + 1), key=value)
