"""What is put before a chunk when it is encoded."""

from __future__ import annotations

from collections.abc import Sequence

from embeddb.chunkers.places import Path, Places
from embeddb.chunkers.rulers import TokenCounter

CONTEXT_DIVISOR = 4
"""A context takes at most a quarter of a chunk's tokens: the rest is the chunk's own."""

_BETWEEN = " › "
_AFTER = "\n\n"


def with_context(context: str, text: str) -> str:
    """Return what the encoder is given of a chunk: its text, behind its context if it has one."""
    return context + _AFTER + text if context else text


class Contexts:
    """The contexts of the chunks of one document, and how many tokens they leave to each.

    Args:
        content: the document.
        places: its sections or definitions.
        title: of the document; stands before all others.
        counter: measures contexts.
        max_tokens: of a chunk together with its context.
    """

    def __init__(
        self,
        content: str,
        places: Places,
        title: str | None,
        counter: TokenCounter,
        max_tokens: int,
    ) -> None:
        self._content = content
        self._places = places
        self._title = " ".join((title or "").split())
        self._max_tokens = max_tokens
        self._known: dict[tuple[str, ...], tuple[str, int]] = {}
        words = list(dict.fromkeys([self._title, *places.words]))
        counts = counter.counts([_AFTER, *(each + _BETWEEN for each in words)])
        # one more: some tokenizers read what stands together otherwise than apart
        self._least, self._counts = counts[0] + 1, dict(zip(words, counts[1:], strict=True))

    def at(self, start: int) -> str:
        """Return the context of a chunk that starts there; empty where there is none."""
        return self._measured(start)[0]

    def room(self, start: int) -> int:
        """Return how many tokens a chunk that starts there may have."""
        return self._max_tokens - self._measured(start)[1]

    def _measured(self, start: int) -> tuple[str, int]:
        words = self._words(start)
        if words not in self._known:
            self._known[words] = self._fitting(words)
        return self._known[words]

    def _words(self, start: int) -> tuple[str, ...]:
        above = self._places.above(self._content, start)
        words = [part.words for part in above]
        if self._title and not self._is_said(start, above):
            words.insert(0, self._title)
        return tuple(words)

    def _is_said(self, start: int, above: Path) -> bool:
        """Return whether the title stands at the head of the path, or of the chunk itself."""
        title = self._title.casefold()
        if above and above[0].name.casefold() == title:
            return True
        head = self._content[start : start + 2 * len(title) + 16].lstrip("#= \t\r\n")
        said, found, after = " ".join(head.split()).casefold().partition(title)
        return bool(found) and not said and not after[:1].isalnum()

    def _fitting(self, words: Sequence[str]) -> tuple[str, int]:
        """Return as much of a path as a context may hold, the inner parts first."""
        tokens = self._least + sum(self._counts[each] for each in words)
        for outermost in range(len(words)):
            if tokens <= self._max_tokens // CONTEXT_DIVISOR:
                return _BETWEEN.join(words[outermost:]), tokens
            tokens -= self._counts[words[outermost]]
        return "", 0
