"""The title of a Markdown text."""

from __future__ import annotations

import re

# A heading, and what can hold lines that only look like one: fenced code and comments. The
# search passes over these as a whole, to the end of the text where they are not closed.
_BLOCKS = re.compile(
    r"""
      ^[ ]{0,3}(?P<fence>`{3,}(?=[^`\n]*$)|~{3,}).*\n(?:(?![ ]{0,3}(?P=fence)).*\n)*.*
    | ^[ ]{0,3}<!--(?s:.*?)(?:-->|\Z)
    | ^[ ]{0,3}(?P<marks>\#{1,6})[ \t]+(?P<text>\S.*)$
    | (?:\A|(?<=\n\n)|(?<=\n\r\n))[ ]{0,3}(?![-*+>|\#<]|\d+[.)][ ])(?P<above>\S.*)\n
      [ ]{0,3}(?P<line>=+|--+)[ \t\r]*$
    """,
    re.MULTILINE | re.VERBOSE,
)
_CLOSING_MARKS = re.compile(r"(?:^|[ \t]+)#+$")
_ATTRIBUTES = re.compile(r"[ \t]*\{[#.:][^{}]*\}$")
_LINK = re.compile(r"(!?)\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_EMPHASIS = re.compile(r"(\*{1,3}|__|`+)(?=\S)(.+?)(?<=\S)\1")

MAX_TITLE_CHARACTERS = 500


def markdown_title(text: str) -> str | None:
    """Return the first heading of the first level, else the first heading, or None."""
    first = None
    for found in _BLOCKS.finditer(text):
        heading = found["text"] or found["above"]
        title = _plain(heading) if heading else ""
        if title and _level(found) == 1:
            return title
        first = first or title
    return first or None


def short_title(title: object) -> str | None:
    """Return a title on one line and of a reasonable length, or None where nothing is left."""
    words = " ".join(str(title).split()) if title is not None else ""
    if len(words) > MAX_TITLE_CHARACTERS:
        words = words[: MAX_TITLE_CHARACTERS - 1].rstrip() + "…"
    return words or None


def _level(found: re.Match[str]) -> int:
    if found["marks"]:
        return len(found["marks"])
    return 1 if found["line"].startswith("=") else 2


def _plain(heading: str) -> str:
    """Return a heading without its markup."""
    heading = _ATTRIBUTES.sub("", _CLOSING_MARKS.sub("", heading.strip()))
    heading = _LINK.sub(lambda link: "" if link[1] else link[2], heading)
    return _EMPHASIS.sub(r"\2", heading).strip()
