"""The search for the cheapest settings that find enough: which to try, and in which order.

Recall grows with every setting, and so does the time, so that a bisection finds the place. Where
there are two settings (how far the index is searched, and how many candidates are rescored), a few
values of the first are bisected for the second, and the fastest as measured is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from embeddb.schema.indexes import (
    HNSW,
    IVFPQ,
    MAX_EF_SEARCH,
    IndexSpec,
    IVFFlat,
    derived_of,
    oversample_of,
    widening,
)

LEAST_EF_SEARCH = 10
MOST_OVERSAMPLE = 100.0
"""Rescoring a hundred candidates for each row wanted takes longer than a better index would."""

FINE_STEP, COARSE_STEP = 1.1, 1.5
"""Factors from one value to the next: of the setting that is bisected, and of the outer one."""

WIDER = (1.0, 2.0, 4.0)
"""Candidates that a graph is searched for, as a multiple of those that are rescored."""

LADDERS = 3
"""Values of the outer setting that are bisected for the inner one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """Settings that were tried, and what they found.

    Attributes:
        index: the index with them.
        settings: what takes effect: ef_search, probes, oversample.
        recall: the share of the exact answers that was found, 0 to 1.
        p50_ms: median milliseconds of a search.
        index_used: whether Postgres read the index, or every row.
    """

    index: IndexSpec
    settings: Mapping[str, float]
    recall: float
    p50_ms: float
    index_used: bool


Index = TypeVar("Index", HNSW, IVFFlat, IVFPQ)

Measure = Callable[[IndexSpec], Trial]

Ladder = Sequence[IndexSpec]
"""The same index with settings that find more, and take longer, from one to the next."""


class Trials:
    """Measures settings, each of them once."""

    def __init__(self, measure: Measure, target: float) -> None:
        self._measure = measure
        self._target = target
        self._made: dict[IndexSpec, Trial] = {}

    def all(self) -> list[Trial]:
        """Return what was tried, the lowest settings first."""
        return sorted(self._made.values(), key=lambda trial: tuple(trial.settings.values()))

    def of(self, index: IndexSpec) -> Trial:
        """Return the trial of an index, which is measured unless that was done before."""
        if index not in self._made:
            self._made[index] = self._measure(index)
        return self._made[index]

    def cheapest(self, limit: int, index: IndexSpec) -> Trial | None:
        """Return the cheapest settings of an index that find enough, or None."""
        ladders = _ladders(index, limit)
        first = _first(len(ladders), lambda place: self._enough(ladders[place][-1]))
        if first is None:
            return None
        found = [self._least(ladder) for ladder in ladders[first : first + LADDERS]]
        return min(filter(None, found), key=lambda trial: trial.p50_ms)

    def best(self) -> Trial:
        """Return the trial that found the most, the fastest of several such."""
        return max(self._made.values(), key=lambda trial: (trial.recall, -trial.p50_ms))

    def _least(self, ladder: Ladder) -> Trial | None:
        place = _first(len(ladder), lambda place: self._enough(ladder[place]))
        return None if place is None else self.of(ladder[place])

    def _enough(self, index: IndexSpec) -> bool:
        return self.of(index).recall >= self._target


def _first(count: int, holds: Callable[[int], bool]) -> int | None:
    """Return the first number below `count` from which on something holds, or None; bisects."""
    if not holds(count - 1):
        return None
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _ladders(index: IndexSpec, limit: int) -> list[Ladder]:
    """Return the settings to try: ladders, each of which finds more than the one before."""
    if isinstance(index, HNSW):
        if derived_of(index) is None:
            least = min(max(LEAST_EF_SEARCH, limit), MAX_EF_SEARCH)
            steps = _steps(least, MAX_EF_SEARCH, FINE_STEP)
            return [[replace(index, ef_search=ef) for ef in steps]]
        rescored = _oversampled(index, limit, MAX_EF_SEARCH / limit)
        return [[_wider(made, limit, times) for made in rescored] for times in WIDER]
    lists = index.lists or 1
    if isinstance(index, IVFFlat) and derived_of(index) is None:
        return [[replace(index, probes=probes) for probes in _steps(1, lists, FINE_STEP)]]
    probes = _steps(1, lists, COARSE_STEP)
    if isinstance(index, IVFFlat):
        return [_oversampled(replace(index, probes=p), limit, MOST_OVERSAMPLE) for p in probes]
    return [_oversampled(replace(index, probes=p), limit, MOST_OVERSAMPLE) for p in probes]


def _oversampled(index: Index, limit: int, most: float) -> list[Index]:
    """Return an index with more and more candidates, at least up to its own number."""
    most = max(oversample_of(index), min(most, MOST_OVERSAMPLE))
    steps = _steps(limit, math.floor(limit * most), FINE_STEP)
    return [replace(index, oversample=round(candidates / limit, 3)) for candidates in steps]


def _wider(index: HNSW, limit: int, times: float) -> HNSW:
    """Return an index whose graph is searched for so many times the candidates that are rescored.

    An index that does so by itself is left alone, so that it fits any limit.
    """
    unset = replace(index, ef_search=None)
    if times == widening(unset):
        return unset
    candidates = math.ceil(limit * oversample_of(index))
    return replace(index, ef_search=min(round(candidates * times), MAX_EF_SEARCH))


def _steps(low: int, high: int, factor: float) -> list[int]:
    """Return whole numbers from `low` to `high`, each about `factor` times the one before."""
    steps = [low]
    while steps[-1] < high:
        steps.append(min(high, max(steps[-1] + 1, round(steps[-1] * factor))))
    return steps
