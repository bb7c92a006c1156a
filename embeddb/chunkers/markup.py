"""Headings of reStructuredText and AsciiDoc."""

from __future__ import annotations

import re
from collections.abc import Callable
from unicodedata import east_asian_width

from embeddb.chunkers.asides import asides
from embeddb.chunkers.cutting import Borders
from embeddb.chunkers.located import CuttingChunker
from embeddb.chunkers.markdown import heading_borders
from embeddb.chunkers.places import Heading, Places, sections
from embeddb.chunkers.structure import Structure

# A title, and below it a line of one punctuation character, as long at least; above it perhaps too.
_RST = re.compile(
    r"^(?:(?P<over>([!-/:-@\[-`{-~])\2{2,})[ \t]*\r?\n(?=[^\r\n]*\r?\n(?P=over)[ \t]*\r?$))?"
    r"(?P<title>[ \t]*\S[^\r\n]*)\r?\n(?P<under>([!-/:-@\[-`{-~])\5{1,})[ \t]*(?:\r?\n|\Z)",
    re.MULTILINE,
)
_ROLE = re.compile(
    r":[\w:+.-]+:`([^`<]*?)\s*(?:<[^`]*>)?`|`{1,2}([^`<]*?)\s*(?:<[^`]*>)?`{1,2}_{0,2}"
)
_ASCIIDOC = re.compile(
    r"^(={1,6}|#{1,6})[ \t]+(\S[^\r\n]*?)(?:[ \t]+\1)?[ \t]*(?:\r?\n|\Z)", re.MULTILINE
)
_DELIMITED = re.compile(r"^(-{4,}|\.{4,}|\+{4,}|/{4,}|`{3,})[^\r\n]*$", re.MULTILINE)


class MarkupChunker(CuttingChunker):
    """Cuts reStructuredText and AsciiDoc before headings, and long sections as prose."""

    keep_indent = True

    def borders(self, content: str, media_type: str | None) -> Borders:
        """Return the offsets where sections start, by heading level."""
        return heading_borders(content, _found(content, media_type))

    def structure(self, content: str, media_type: str | None) -> Structure:
        """Return the sections."""
        headings = _found(content, media_type)
        return Structure(
            borders=heading_borders(content, headings),
            places=Places(sections(headings, len(content))),
            asides=asides(content, ()),
        )


def rst_headings(content: str) -> list[Heading]:
    """Return the headings of reStructuredText; a style's level is the order of its appearance."""
    styles: list[tuple[str, bool]] = []
    found: list[Heading] = []
    for match in _RST.finditer(content):
        title, under = match["title"], match["under"]
        is_over = match["over"] is not None
        if (title[0].isspace() and not is_over) or len(under) < _width(title.strip()):
            continue
        if not any(character.isalnum() for character in title):
            continue
        style = under[0], is_over
        if style not in styles:
            styles.append(style)
        words = _ROLE.sub(lambda role: role[1] or role[2], title)
        found.append(
            Heading(
                start=match.start(),
                stop=match.end(),
                level=styles.index(style) + 1,
                title=" ".join(words.replace("\\", "").split()),
            )
        )
    return found


def asciidoc_headings(content: str) -> list[Heading]:
    """Return the headings of AsciiDoc outside of delimited blocks."""
    inside: list[tuple[int, int]] = []
    opened: tuple[int, str] | None = None
    for match in _DELIMITED.finditer(content):
        if opened is None:
            opened = match.start(), match[1]
        elif match[1] == opened[1]:
            inside.append((opened[0], match.end()))
            opened = None
    return [
        Heading(start=match.start(), stop=match.end(), level=len(match[1]), title=match[2])
        for match in _ASCIIDOC.finditer(content)
        if not any(start < match.start() < stop for start, stop in inside)
    ]


_READERS: dict[str, Callable[[str], list[Heading]]] = {
    "text/x-rst": rst_headings,
    "text/prs.fallenstein.rst": rst_headings,
    "text/asciidoc": asciidoc_headings,
    "text/x-asciidoc": asciidoc_headings,
}

MARKUP = frozenset(_READERS)
"""The media types that are cut so."""


def _found(content: str, media_type: str | None) -> list[Heading]:
    kind = (media_type or "").partition(";")[0].strip().lower()
    read = _READERS.get(kind)
    return [] if read is None else read(content)


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
