"""Markdown, cut before headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenizers import Tokenizer

from embeddb.chunkers.cutting import Borders, Cutter
from embeddb.chunkers.rulers import TokenCounter
from embeddb.records import Chunk

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_FENCE = re.compile(r"\s*(`{3,}(?!.*`)|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")

HEADING_LEVELS = 6


class MarkdownChunker:
    """Cuts Markdown before headings, the higher ones first, and long sections as prose."""

    def __init__(
        self, max_tokens: int, overlap: int = 0, tokenizer: Tokenizer | None = None
    ) -> None:
        self._cutter = Cutter(
            counter=TokenCounter(tokenizer),
            max_tokens=max_tokens,
            overlap=overlap,
            keep_indent=True,
        )

    def chunks(self, content: str, media_type: str | None = None) -> list[Chunk]:
        """Return chunks of `content` of at most `max_tokens` tokens."""
        return self._cutter.chunks(content, heading_borders(content))


def heading_borders(content: str) -> Borders:
    """Return the offsets where sections start, by heading level.

    A heading right below another one stays with it: a chunk that is nothing but a title
    helps no search.
    """
    borders: list[list[int]] = [[] for _ in range(HEADING_LEVELS)]
    last_stop = -1
    for start, stop, level in _headings(content):
        if last_stop < 0 or content[last_stop:start].strip():
            borders[level - 1].append(start)
        last_stop = stop
    return borders


def _headings(content: str) -> Iterator[tuple[int, int, int]]:
    """Yield (start, stop, level) of each heading outside fenced code."""
    fence = ""
    previous = (0, "")
    for match in _LINE.finditer(content):
        line = match.group().rstrip("\r\n")
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and _closes(fence, line) else fence
        elif mark:
            fence = mark.group(1)
        elif heading := _HEADING.match(line):
            yield match.start(), match.end(), len(heading.group(1))
            line = ""
        elif (underline := _UNDERLINE.match(line)) and _can_be_title(previous[1]):
            yield previous[0], match.end(), 1 if "=" in underline.group(1) else 2
            line = ""
        previous = (match.start(), "" if mark or fence else line)


def _closes(fence: str, line: str) -> bool:
    mark = line.strip()
    return set(mark) == {fence[0]} and len(mark) >= len(fence)


def _can_be_title(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(("    ", "\t", ">", "- ", "* ", "|"))
