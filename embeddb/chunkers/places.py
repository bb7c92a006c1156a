"""Where in a document an offset is: under which headings, or in which definition."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A section or a definition.

    Attributes:
        lead: where it begins, the comments before it included.
        start: where its own first line begins.
        stop: where it ends.
        name: the title of a section, the name of a definition.
        words: what stands for it in a context: the title, or the signature.
        body: where its heading ends; None for a definition.
    """

    lead: int
    start: int
    stop: int
    name: str
    words: str
    body: int | None = None


_BLANK = re.compile(r"\s*")

Path: TypeAlias = tuple[Part, ...]


class Places:
    """The parts of one document, which lie inside each other or apart."""

    def __init__(self, parts: Sequence[Part] = ()) -> None:
        self._parts = sorted(parts, key=lambda part: (part.lead, -part.stop))
        self._leads = [part.lead for part in self._parts]
        self._offsets: list[int] = []
        self._paths: list[Path] = []
        for offset, path in _changes(self._parts):
            if self._offsets and self._offsets[-1] == offset:
                self._paths[-1] = path
            else:
                self._offsets.append(offset)
                self._paths.append(path)

    def __bool__(self) -> bool:
        return bool(self._parts)

    @property
    def words(self) -> list[str]:
        """What stands for each part in a context."""
        return [part.words for part in self._parts]

    def at(self, offset: int) -> Path:
        """Return the parts that an offset lies in, the outermost first."""
        number = bisect_right(self._offsets, offset) - 1
        return self._paths[number] if number >= 0 else ()

    def of(self, content: str, start: int, stop: int) -> Path:
        """Return the parts that a span tells of: those where its text begins below its headings.

        Where its text begins before all parts, it is the first part in it.
        """
        offset = start
        number = bisect_left(self._leads, start)
        while number < len(self._parts) and self._leads[number] < stop:
            part = self._parts[number]
            if content[offset : part.lead].strip() or part.body is None:
                break
            offset = part.body
            number += 1
        found = self.at(offset if offset < stop else self._parts[number - 1].lead)
        if not found and number < len(self._parts) and self._leads[number] < stop:
            found = self.at(self._leads[number])
        return found

    def above(self, content: str, start: int) -> Path:
        """Return the parts that a span lies in, and whose first lines are not in it themselves."""
        blank = _BLANK.match(content, start)
        text = line = start if blank is None else blank.end()
        while line > 0 and content[line - 1] in " \t":
            line -= 1
        is_indent = line == 0 or content[line - 1] in "\r\n"
        first = line if is_indent else text
        return tuple(part for part in self.at(text) if part.start < first)


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """A heading: where its first line starts and its last one stops; level 1 is the highest."""

    start: int
    stop: int
    level: int
    title: str


def sections(headings: Sequence[Heading], length: int) -> list[Part]:
    """Return the sections that headings open: each goes on to the next of its level or higher."""
    stops = [length] * len(headings)
    waiting: list[int] = []
    for number, heading in enumerate(headings):
        while waiting and headings[waiting[-1]].level >= heading.level:
            stops[waiting.pop()] = heading.start
        waiting.append(number)
    return [
        Part(
            lead=heading.start,
            start=heading.start,
            body=heading.stop,
            stop=stop,
            name=heading.title,
            words=heading.title,
        )
        for heading, stop in zip(headings, stops, strict=True)
        if heading.title
    ]


def _changes(parts: Sequence[Part]) -> Iterator[tuple[int, Path]]:
    """Yield the offsets where the path changes, and the path from there on."""
    path: list[Part] = []
    for part in parts:
        while path and path[-1].stop <= part.lead:
            gone = path.pop()
            yield gone.stop, tuple(path)
        path.append(part)
        yield part.lead, tuple(path)
    while path:
        gone = path.pop()
        yield gone.stop, tuple(path)
