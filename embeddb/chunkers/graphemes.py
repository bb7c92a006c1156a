"""Where a text may be cut so that no character is cut from its marks."""

from __future__ import annotations

import unicodedata

import regex

# Emoji and accented letters are sequences; none in use is longer than this.
GRAPHEME_CHARACTERS = 16

# What never begins a grapheme: marks, and what joins emoji.
_EXTENDING = ("Mn", "Me", "Mc")
_JOINER = "\u200d"

_GRAPHEME = regex.compile(r"\X")


def whole_border(content: str, start: int, after: int, until: int, latest: int) -> int:
    """Return the last border of a grapheme in (after, until], counted from one at `start`.

    Where there is none, it is the first one after it and before `latest`; a grapheme that is longer
    than all of that is cut.
    """
    best = 0
    for found in _GRAPHEME.finditer(
        content, start, min(latest + GRAPHEME_CHARACTERS, len(content))
    ):
        end = found.end()
        if end > until:
            if best <= after and end < latest:
                best = end
            break
        best = end
    return best if best > after else max(until, after + 1)


def is_inside(content: str, offset: int) -> bool:
    """Return whether a mark or a joiner stands at an offset: it belongs to what is before it."""
    if offset >= len(content) or content[offset] < "\u0300":
        return False
    return content[offset] == _JOINER or unicodedata.category(content[offset]) in _EXTENDING


def grapheme_border(content: str, after: int, until: int) -> int:
    """Return the last offset in (after, until] that does not cut a character from its marks.

    The rule of version 1: it knows marks and emoji, and cuts flags and jamo.
    """
    lowest = max(after + 1, until - GRAPHEME_CHARACTERS)
    for stop in range(until, lowest - 1, -1):
        if stop >= len(content) or not _joined(content[stop - 1], content[stop]):
            return stop
    return max(until, after + 1)


def _joined(left: str, right: str) -> bool:
    if _JOINER in (left, right) or "\U0001f3fb" <= right <= "\U0001f3ff":
        return True
    return unicodedata.category(right) in _EXTENDING
