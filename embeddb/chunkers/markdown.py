"""Markdown, cut before headings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from embeddb.chunkers.asides import asides
from embeddb.chunkers.blocks import Blocks
from embeddb.chunkers.cutting import Borders
from embeddb.chunkers.located import CuttingChunker
from embeddb.chunkers.markdown_blocks import fences, list_items, tables
from embeddb.chunkers.places import Heading, Places, sections
from embeddb.chunkers.structure import Structure

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_FENCE = re.compile(r"\s*(`{3,}(?!.*`)|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")

# What a heading's line holds beside its words.
_MARKS = re.compile(r"^\s*#{1,6}|(?:\s+#+|\s*\{#[^{}]*\})+\s*$")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()\s]*(?:\s[^()]*)?\)|\[[^\[\]]*\])")
_EMPHASIS = re.compile(r"[`*]+|(?<!\w)_+|_+(?!\w)|¶")

HEADING_LEVELS = 6


class MarkdownChunker(CuttingChunker):
    """Cuts Markdown before headings, the higher ones first, and long sections as prose.

    Fenced code, tables and items of lists stay whole where they fit into a chunk.
    """

    keep_indent = True

    def borders(self, content: str, media_type: str | None) -> Borders:
        """Return the offsets where sections start, by heading level."""
        return heading_borders(content, list(_headings(content)))

    def structure(self, content: str, media_type: str | None) -> Structure:
        """Return sections, and what of Markdown's blocks stays whole."""
        headings = list(_headings(content))
        code = fences(content)
        blocks = [*code, *tables(content), *list_items(content)]
        return Structure(
            borders=heading_borders(content, headings),
            places=Places(sections(headings, len(content))),
            blocks=Blocks(blocks),
            asides=asides(content, code),
        )


def heading_borders(content: str, headings: Sequence[Heading]) -> Borders:
    """Return the offsets where sections start, by heading level.

    A heading right below another one stays with it: a chunk that is nothing but a title
    helps no search.
    """
    levels = max((heading.level for heading in headings), default=0)
    borders: list[list[int]] = [[] for _ in range(max(levels, HEADING_LEVELS))]
    last_stop = -1
    for heading in headings:
        if last_stop < 0 or content[last_stop : heading.start].strip():
            borders[heading.level - 1].append(heading.start)
        last_stop = heading.stop
    return borders


def plain_title(text: str) -> str:
    """Return the words of a heading, without marks, links and anchors."""
    words = _EMPHASIS.sub("", _LINK.sub(r"\1", _MARKS.sub("", text)))
    return " ".join(words.split())


def _headings(content: str) -> Iterator[Heading]:
    """Yield the headings outside fenced code."""
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
            level = len(heading.group(1))
            yield _heading(match.start(), match.end(), level, line)
            line = ""
        elif (underline := _UNDERLINE.match(line)) and _can_be_title(previous[1]):
            level = 1 if "=" in underline.group(1) else 2
            yield _heading(previous[0], match.end(), level, previous[1])
            line = ""
        previous = (match.start(), "" if mark or fence else line)


def _heading(start: int, stop: int, level: int, line: str) -> Heading:
    return Heading(start=start, stop=stop, level=level, title=plain_title(line))


def _closes(fence: str, line: str) -> bool:
    mark = line.strip()
    return set(mark) == {fence[0]} and len(mark) >= len(fence)


def _can_be_title(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(("    ", "\t", ">", "- ", "* ", "|"))
