"""Rulers: how many tokens lie between two characters of a text, counted once per text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Where the tokenizer is unknown (an HTTP endpoint), a token is taken to be three bytes of
# UTF-8: English is nearer to four, so a chunk stays below the limit rather than above it.
BYTES_PER_TOKEN = 3

# A tokenizer's own structures take some hundred bytes a token: a text is read in windows of
# this many characters, and so many windows at once, however long it is.
WINDOW_CHARACTERS = 8_192
WINDOWS_AT_ONCE = 64


class Ruler(Protocol):
    """Token positions of one text."""

    def forward(self, start: int, tokens: int) -> int:
        """Return the furthest stop such that [start, stop) holds at most `tokens`."""
        ...

    def back(self, stop: int, tokens: int) -> int:
        """Return the first start such that [start, stop) holds at most `tokens`."""
        ...


class TokenCounter:
    """Counts with the model's tokenizer, special tokens left out, or by bytes without one."""

    def __init__(self, tokenizer: Tokenizer | None = None) -> None:
        self._tokenizer = _untruncated(tokenizer)

    def ruler(self, content: str) -> Ruler:
        """Return the ruler of a text, which is measured once: every cut in it is then a look-up."""
        if self._tokenizer is None:
            return ByteRuler(content)
        return TokenRuler(content, self._tokenizer)

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text by itself."""
        if self._tokenizer is None:
            return [-(-len(text.encode()) // BYTES_PER_TOKEN) for text in texts]
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encodings]


class TokenRuler:
    """Where each token of a text starts."""

    def __init__(self, content: str, tokenizer: Tokenizer) -> None:
        self._length = len(content)
        self._starts = _token_starts(content, tokenizer)

    def forward(self, start: int, tokens: int) -> int:
        """Return the furthest stop such that [start, stop) holds at most `tokens`."""
        index = int(np.searchsorted(self._starts, start)) + tokens
        return int(self._starts[index]) if index < len(self._starts) else self._length

    def back(self, stop: int, tokens: int) -> int:
        """Return the first start such that [start, stop) holds at most `tokens`."""
        index = int(np.searchsorted(self._starts, stop)) - tokens
        return int(self._starts[index]) if index > 0 else 0


class ByteRuler:
    """How many bytes of UTF-8 lie before each character."""

    def __init__(self, content: str) -> None:
        points = np.frombuffer(content.encode("utf-32-le"), dtype=np.uint32)
        widths = 1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000)
        self._before: NDArray[np.int64] = np.concatenate(([0], np.cumsum(widths)))

    def forward(self, start: int, tokens: int) -> int:
        """Return the furthest stop such that [start, stop) holds at most `tokens`."""
        limit = self._before[start] + tokens * BYTES_PER_TOKEN
        return int(np.searchsorted(self._before, limit, side="right")) - 1

    def back(self, stop: int, tokens: int) -> int:
        """Return the first start such that [start, stop) holds at most `tokens`."""
        limit = self._before[stop] - tokens * BYTES_PER_TOKEN
        return int(np.searchsorted(self._before, limit))


def _untruncated(tokenizer: Tokenizer | None) -> Tokenizer | None:
    """Return a copy of a tokenizer that truncates or pads: it would count wrongly."""
    if tokenizer is None or (tokenizer.truncation is None and tokenizer.padding is None):
        return tokenizer
    copy = type(tokenizer).from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def _token_starts(content: str, tokenizer: Tokenizer) -> NDArray[np.int64]:
    windows = _windows(content)
    parts: list[NDArray[np.int64]] = []
    while group := list(islice(windows, WINDOWS_AT_ONCE)):
        texts = [content[start:stop] for start, stop in group]
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
        for (start, _), encoding in zip(group, encodings, strict=True):
            offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
            parts.append(offsets[:, 0] + start)
    starts = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    return np.maximum.accumulate(starts) if len(starts) else starts


def _windows(content: str) -> Iterator[tuple[int, int]]:
    """Yield spans of [0, len) that end at a space or a line's end, so that no token is cut."""
    start = 0
    while start < len(content):
        stop = min(start + WINDOW_CHARACTERS, len(content))
        if stop < len(content):
            space = max(content.rfind(" ", start, stop), content.rfind("\n", start, stop))
            stop = space if space > start else stop
        yield start, stop
        start = stop
