"""The one way to cut: fill a chunk, then go back to the best border inside it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from embeddb.chunkers.blocks import Blocks
from embeddb.chunkers.graphemes import grapheme_border, is_inside, whole_border
from embeddb.chunkers.rulers import Ruler, TokenCounter
from embeddb.records import Chunk

Borders = Sequence[Sequence[int]]
"""Sorted character offsets where a text may be cut, the strongest level first."""

PARAGRAPHS = re.compile(r"(?:\r\n|\r|\n)(?:[^\S\r\n]*(?:\r\n|\r|\n))+")
LINES = re.compile(r"\r\n|\r|\n")
SENTENCES = re.compile(r"[.!?…؟।][\"'”’)\]]*\s+|[。！？｡][”’）」』]*\s*")  # noqa: RUF001
WORDS = re.compile(r"\s+")
PUNCTUATION = re.compile(r"[,;:/|\\)\]}>&=?_-]")

PROSE = (PARAGRAPHS, SENTENCES, LINES, WORDS, PUNCTUATION)
CODE = (PARAGRAPHS, LINES, WORDS, PUNCTUATION)

# Some tokenizers take any word, however long, for one unknown token. No real text has this
# many characters to a token, and a chunk of them could not be shown to anybody.
CHARACTERS_PER_TOKEN = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is known of one text before it is cut.

    Attributes:
        borders: where it may be cut, the strongest level first.
        pieces: spans that are cut each by itself, in order; what lies between them is left out.
        blocks: spans that are not cut where they fit into a chunk.
        room: the most tokens of a chunk that starts at an offset; None for the cutter's own limit.
        whole_graphemes: whether no character is cut from its marks, by the rules of Unicode.
    """

    borders: Borders = ()
    pieces: Sequence[tuple[int, int]] | None = None
    blocks: Blocks = field(default_factory=Blocks)
    room: Callable[[int], int] | None = None
    whole_graphemes: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Cutter:
    """Cuts at given borders first, then wherever one of `patterns` ends.

    Attributes:
        patterns: weaker borders, the strongest first; one counts only in the second half of
            a chunk, so that a short paragraph before a long one does not become a chunk.
        keep_indent: whether a chunk keeps the white space before its first line.
    """

    counter: TokenCounter
    max_tokens: int
    overlap: int = 0
    patterns: tuple[re.Pattern[str], ...] = PROSE
    keep_indent: bool = False

    def chunks(self, content: str, plan: Plan) -> list[Chunk]:
        """Return chunks of `content` of at most `max_tokens` tokens, none of them blank."""
        return [
            Chunk(content=content[start:stop], start=start, stop=stop)
            for start, stop in self.spans(content, plan)
        ]

    def spans(self, content: str, plan: Plan) -> list[tuple[int, int]]:
        """Return where the chunks of `content` start and stop."""
        cut = _Text(self, content, plan)
        spans = [self.trim(content, *span) for span in cut.spans()]
        counts = self.counter.counts([content[start:stop] for start, stop in spans])
        found: list[tuple[int, int]] = []
        done = 0
        for (start, stop), count in zip(spans, counts, strict=True):
            for a, b in cut.fit(start, stop, count):
                # A half of an overlapping span can lie inside its neighbour, and would repeat it.
                while found and found[-1][0] >= a and b > done:
                    found.pop()
                if b > done:
                    found.append((a, b))
                    done = b
        return found

    def trim(self, content: str, start: int, stop: int) -> tuple[int, int]:
        """Return a span without the white space around it."""
        text = content[start:stop]
        first = start + len(text) - len(text.lstrip())
        if self.keep_indent:
            first = max(content.rfind("\n", start, first), content.rfind("\r", start, first)) + 1
            first = max(first, start)
        return first, start + len(text.rstrip())


class _Text:
    """One text while it is cut."""

    def __init__(self, cutter: Cutter, content: str, plan: Plan) -> None:
        self._cutter = cutter
        self._content = content
        self._plan = plan
        self._ruler: Ruler | None = None

    @property
    def _measure(self) -> Ruler:
        if self._ruler is None:
            self._ruler = self._cutter.counter.ruler(self._content)
        return self._ruler

    def spans(self) -> Iterator[tuple[int, int]]:
        """Yield what becomes a chunk, white space around it included."""
        pieces = self._plan.pieces
        for first, last in [(0, len(self._content))] if pieces is None else pieces:
            yield from self._piece(first, first + len(self._content[first:last].rstrip()))

    def fit(self, start: int, stop: int, count: int) -> Iterator[tuple[int, int]]:
        """Yield a span in halves that fit: a word that is cut has more tokens than before."""
        if not self._content[start:stop].strip():
            return
        if count <= self._room(start) or stop - start <= 1:
            yield start, stop
            return
        middle = start + (stop - start) // 2
        cut = self._last_end(WORDS, start, middle) or self._hard_cut(start, start, middle, stop)
        for part in ((start, cut), (cut, stop)):
            first, last = self._cutter.trim(self._content, *part)
            (count,) = self._cutter.counter.counts([self._content[first:last]])
            yield from self.fit(first, last, count)

    def _room(self, start: int) -> int:
        room = self._plan.room
        return self._cutter.max_tokens if room is None else room(start)

    def _furthest(self, start: int) -> int:
        """Return how far a chunk can reach that starts there."""
        room = self._room(start)
        return min(self._measure.forward(start, room), start + room * CHARACTERS_PER_TOKEN)

    def _piece(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        done = start
        while done < end:
            stop = max(self._furthest(start), done + 1)
            if stop < end:
                stop = self._cut(start, done, stop)
            stop = min(stop, end) if self._plan.pieces is not None else stop
            if self._content[done:stop].strip():
                yield start, stop
            start, done = self._restart(start, stop), stop

    def _cut(self, start: int, done: int, furthest: int) -> int:
        """Return the best border in (done, furthest], outside of blocks that fit into a chunk."""
        stop = self._border(start, done, furthest)
        for first, last in self._plan.blocks.around(stop):
            if first > done and self._content[done:first].strip():
                if self._furthest(first) >= last:
                    return first
            elif furthest >= last:
                return last
        return stop

    def _border(self, start: int, done: int, furthest: int) -> int:
        for level in self._plan.borders:
            index = bisect_right(level, furthest)
            if index and level[index - 1] > done:
                return level[index - 1]
        half = max(start + (furthest - start) // 2, done)
        for pattern in self._cutter.patterns:
            if stop := self._last_end(pattern, half, furthest):
                return stop
        return self._hard_cut(start, half, furthest, furthest)

    def _last_end(self, pattern: re.Pattern[str], after: int, until: int) -> int | None:
        """Return the end of the last match in (after, until], or None."""
        end = None
        for found in pattern.finditer(self._content, after, until):
            if not (self._plan.whole_graphemes and is_inside(self._content, found.end())):
                end = found.end()
        return end if end is not None and end > after else None

    def _hard_cut(self, start: int, after: int, until: int, latest: int) -> int:
        if self._plan.whole_graphemes:
            return whole_border(self._content, start, after, until, latest)
        return grapheme_border(self._content, after, until)

    def _restart(self, start: int, stop: int) -> int:
        """Return where the next chunk starts: up to `overlap` tokens before `stop`."""
        content, overlap = self._content, self._cutter.overlap
        if not overlap or stop >= len(content):
            return stop
        earliest = max(self._measure.back(stop, overlap), stop - overlap * CHARACTERS_PER_TOKEN)
        blank = WORDS.match(content, start)
        after = max(earliest, (blank.end() if blank else start) + 1)
        for pattern in (SENTENCES, WORDS):
            found = pattern.search(content, after, stop)
            if found and found.end() < stop:
                return found.end()
        return stop
