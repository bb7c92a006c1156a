"""Spans of a text that are not cut where they fit into a chunk."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable


class Blocks:
    """Spans, which may lie inside each other but do not cross.

    Args:
        spans: start and stop of each, in any order.
    """

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        self._spans = sorted(spans, key=lambda span: (span[0], -span[1]))
        self._starts = [start for start, _ in self._spans]
        self._parents: list[int | None] = []
        open_ones: list[int] = []
        for number, (start, _) in enumerate(self._spans):
            while open_ones and self._spans[open_ones[-1]][1] <= start:
                open_ones.pop()
            self._parents.append(open_ones[-1] if open_ones else None)
            open_ones.append(number)

    def around(self, offset: int) -> list[tuple[int, int]]:
        """Return the blocks that an offset lies inside of, the outermost first."""
        found: list[tuple[int, int]] = []
        number = bisect_left(self._starts, offset) - 1
        inner: int | None = number if number >= 0 else None
        while inner is not None:
            if self._spans[inner][1] > offset:
                found.append(self._spans[inner])
            inner = self._parents[inner]
        return found[::-1]
