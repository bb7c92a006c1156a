"""The one way to cut: fill a chunk, then go back to the best border inside it."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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

# Emoji and accented letters are sequences; none in use is longer than this.
GRAPHEME_CHARACTERS = 16


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

    def chunks(self, content: str, borders: Borders = ()) -> list[Chunk]:
        """Return chunks of `content` of at most `max_tokens` tokens, none of them blank."""
        spans = [self._trim(content, *span) for span in self._spans(content, borders)]
        counts = self.counter.counts([content[start:stop] for start, stop in spans])
        chunks: list[Chunk] = []
        done = 0
        for (start, stop), count in zip(spans, counts, strict=True):
            for a, b in self._fit(content, start, stop, count):
                # A half of an overlapping span can lie inside its neighbour, and would repeat it.
                while chunks and chunks[-1].start >= a and b > done:
                    chunks.pop()
                if b > done:
                    chunks.append(Chunk(content=content[a:b], start=a, stop=b))
                    done = b
        return chunks

    @property
    def _most_characters(self) -> int:
        return self.max_tokens * CHARACTERS_PER_TOKEN

    def _count(self, text: str) -> int:
        return self.counter.counts([text])[0]

    def _spans(self, content: str, borders: Borders) -> Iterator[tuple[int, int]]:
        end = len(content.rstrip())
        if end == 0:
            return
        ruler = self.counter.ruler(content)
        start = done = 0
        while done < end:
            furthest = min(ruler.forward(start, self.max_tokens), start + self._most_characters)
            stop = max(furthest, done + 1)
            if stop < end:
                stop = self._cut(content, start, done, stop, borders)
            if content[done:stop].strip():
                yield start, stop
            start, done = self._restart(content, ruler, start, stop), stop

    def _cut(self, content: str, start: int, done: int, furthest: int, borders: Borders) -> int:
        """Return the best border in (done, furthest]."""
        for level in borders:
            index = bisect_right(level, furthest)
            if index and level[index - 1] > done:
                return level[index - 1]
        half = max(start + (furthest - start) // 2, done)
        for pattern in self.patterns:
            if stop := last_end(pattern, content, half, furthest):
                return stop
        return grapheme_border(content, half, furthest)

    def _restart(self, content: str, ruler: Ruler, start: int, stop: int) -> int:
        """Return where the next chunk starts: up to `overlap` tokens before `stop`."""
        if not self.overlap or stop >= len(content):
            return stop
        earliest = max(ruler.back(stop, self.overlap), stop - self.overlap * CHARACTERS_PER_TOKEN)
        blank = WORDS.match(content, start)
        after = max(earliest, (blank.end() if blank else start) + 1)
        for pattern in (SENTENCES, WORDS):
            found = pattern.search(content, after, stop)
            if found and found.end() < stop:
                return found.end()
        return stop

    def _trim(self, content: str, start: int, stop: int) -> tuple[int, int]:
        text = content[start:stop]
        first = start + len(text) - len(text.lstrip())
        if self.keep_indent:
            first = max(content.rfind("\n", start, first), content.rfind("\r", start, first)) + 1
            first = max(first, start)
        return first, start + len(text.rstrip())

    def _fit(self, content: str, start: int, stop: int, count: int) -> Iterator[tuple[int, int]]:
        """Yield a span in halves that fit: a word that is cut has more tokens than before."""
        if not content[start:stop].strip():
            return
        if count <= self.max_tokens or stop - start <= 1:
            yield start, stop
            return
        middle = start + (stop - start) // 2
        cut = last_end(WORDS, content, start, middle) or grapheme_border(content, start, middle)
        for part in ((start, cut), (cut, stop)):
            first, last = self._trim(content, *part)
            yield from self._fit(content, first, last, self._count(content[first:last]))


def last_end(pattern: re.Pattern[str], content: str, after: int, until: int) -> int | None:
    """Return the end of the last match in (after, until], or None."""
    end = None
    for found in pattern.finditer(content, after, until):
        end = found.end()
    return end if end is not None and end > after else None


def grapheme_border(content: str, after: int, until: int) -> int:
    """Return the last offset in (after, until] that does not cut a character from its marks."""
    lowest = max(after + 1, until - GRAPHEME_CHARACTERS)
    for stop in range(until, lowest - 1, -1):
        if stop >= len(content) or not _joined(content[stop - 1], content[stop]):
            return stop
    return max(until, after + 1)


def _joined(left: str, right: str) -> bool:
    joiner = "\u200d"
    if joiner in (left, right) or "\U0001f3fb" <= right <= "\U0001f3ff":
        return True
    return unicodedata.category(right) in ("Mn", "Me", "Mc")
