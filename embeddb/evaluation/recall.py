"""Recall of an index: how much of the exact answer it finds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from embeddb.records import Hit, Vector

TIE_TOLERANCE = 1e-6
"""Hits as near as the last exact one, to float32's precision, count as found: which of several
equally near rows an index gives says nothing about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecallReport:
    """Recall over a sample of queries.

    Attributes:
        recall: mean share of the exact answer that the index found, 0 to 1.
        index_used: whether Postgres's plan reads a vector index; without one, recall is 1 by
            construction and says nothing.
        ann_p50_ms, exact_p50_ms: median time of a search by index and by reading every row.
    """

    recall: float
    limit: int
    sample: int
    index_used: bool
    ann_p50_ms: float
    exact_p50_ms: float


def measure_recall(
    queries: Sequence[Vector],
    *,
    ann: Callable[[Vector], list[Hit]],
    exact: Callable[[Vector], list[Hit]],
    limit: int,
    index_used: bool,
    progress: Callable[[int], None] = lambda done: None,
) -> RecallReport:
    """Ask each query both ways and compare."""
    recalls: list[float] = []
    times: tuple[list[float], list[float]] = ([], [])
    for done, query in enumerate(queries, start=1):
        found = _timed(ann, query, times[0])
        truth = _timed(exact, query, times[1])
        recalls.append(recall_of(found, truth))
        progress(done)
    return RecallReport(
        recall=sum(recalls) / len(recalls) if recalls else 1.0,
        limit=limit,
        sample=len(recalls),
        index_used=index_used,
        ann_p50_ms=round(median(times[0]), 3) if recalls else 0.0,
        exact_p50_ms=round(median(times[1]), 3) if recalls else 0.0,
    )


def recall_of(found: Sequence[Hit], truth: Sequence[Hit]) -> float:
    """Give the share of the exact answer that was found, ties counted as found."""
    if not truth:
        return 1.0
    last = truth[-1].distance
    farthest = last + TIE_TOLERANCE * max(1.0, abs(last))
    return min(1.0, sum(hit.distance <= farthest for hit in found) / len(truth))


def _timed(search: Callable[[Vector], list[Hit]], query: Vector, times: list[float]) -> list[Hit]:
    started = time.perf_counter()
    hits = search(query)
    times.append((time.perf_counter() - started) * 1000)
    return hits
