"""How many texts go into one request: OpenAI's limits, until an endpoint shows lower ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

MAX_TEXTS = 2048
"""OpenAI's limit on the texts of one request."""

MAX_TOKENS = 280_000
"""Estimated tokens of one request; OpenAI's limit is 300,000."""

_BYTES_PER_TOKEN = 3
"""A low estimate: English has 4 to 5 bytes a token, Chinese and code about 3."""

_NUMBER = re.compile(r"(?<![\w.-])\d+(?![\w-]|\.\d)")
"""A number by itself, not a part of a version or of a request's id."""

_OF_SIZE = re.compile(r"\b(tokens?|characters?|bytes?|[kmg]i?b)\b|\d[kmg]i?b\b|<html")
"""Words of a limit that is not one of the number of texts, and pages of a proxy."""

_HTTP_STATUS = re.compile(r"^HTTP \d+:")


class RequestLimits:
    """The most texts and estimated tokens of one request; they only ever shrink."""

    def __init__(self) -> None:
        self.texts = MAX_TEXTS
        self.tokens = MAX_TOKENS

    def batches(self, texts: Sequence[str]) -> Iterator[range]:
        """Yield the rows of the texts in order, in batches within the limits of one request."""
        start = 0
        tokens = 0
        for row, text in enumerate(texts):
            cost = _cost(text)
            full = row - start >= self.texts or tokens + cost > self.tokens
            if row > start and full:
                yield range(start, row)
                start, tokens = row, 0
            tokens += cost
        if start < len(texts):
            yield range(start, len(texts))

    def parts(self, rows: range, words: str = "") -> list[range]:
        """Return rows that did not go into one request as smaller parts.

        They have as many texts as the endpoint named in its refusal, else half as many.
        """
        size = _named_limit(words, len(rows)) or -(-len(rows) // 2)
        return [rows[start : start + size] for start in range(0, len(rows), size)]

    def learn(self, texts: Sequence[str], words: str) -> None:
        """Remember that these texts were too much for one request, and fewer of them were not.

        Args:
            texts: what was refused.
            words: the refusal.
        """
        named = _named_limit(words, len(texts))
        if named is not None:
            self.texts = min(self.texts, named)
            return
        half = -(-sum(map(_cost, texts)) // 2)
        if half < self.tokens:
            self.tokens = half
        elif len(texts) > 1:
            # within the size that was taken before: so it is the number
            self.texts = min(self.texts, -(-len(texts) // 2))


def _cost(text: str) -> int:
    return 1 + len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN


def _named_limit(words: str, count: int) -> int | None:
    """Return the most texts of a request, where a refusal of `count` texts names it."""
    said = _HTTP_STATUS.sub("", words).lower()
    if _OF_SIZE.search(said):
        return None
    numbers = [int(number) for number in _NUMBER.findall(said) if 0 < int(number) < count]
    return max(numbers, default=None)
