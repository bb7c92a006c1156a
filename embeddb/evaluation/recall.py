"""Recall: how much of the exact answer a search finds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from embeddb.records import Hit, Vector

TIE_TOLERANCE = 1e-6
"""Hits that are as near as the last exact one, within float32's precision, count as found: which of
several equally near rows an index returns says nothing about it."""


SELF_TOLERANCE = 1e-4
"""A hit that is so near to a row's own vector is that row, or as good as it."""

REACHABLE = 0.98
"""Fewer rows that a search by their own vector finds are a defect of the index."""


class Question(NamedTuple):
    """A query, and what its answer should be.

    Attributes:
        vector: as it is compared with what is stored, shape (dim of what is stored,).
        without: the document that the vector was taken from, left out of the answers.
        truth: ids that should be found; None for what exact search finds.
    """

    vector: Vector
    without: str | None = None
    truth: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecallReport:
    """Recall over a sample of queries.

    Attributes:
        recall: mean share of the exact answer (or of the given truth) that was found by the
            index, 0 to 1.
        exact_recall: the same of exact search over what is stored: 1 by construction, unless the
            truth was given, and then what the kind of storage leaves of it.
        reachable: share of the sampled rows for which a search by their own vector, for one row,
            finds them, or a row that is as near; None where the queries were the caller's. Recall
            counts ties as found, so it can be high while rows are never found.
        limit: how many rows each search was for.
        sample: how many queries were asked.
        index_used: whether Postgres's plan reads a vector index; without one, recall is 1 by
            construction and says nothing.
        index: its name.
        settings: what the searches by index ran with: ef_search, probes, oversample.
        ann_p50_ms, ann_p95_ms, exact_p50_ms, exact_p95_ms: median and 95th percentile of the time
            of a search by index, and by reading every row.
    """

    recall: float
    exact_recall: float = 1.0
    reachable: float | None = None
    limit: int
    sample: int
    index_used: bool
    index: str | None = None
    settings: Mapping[str, float] = field(default_factory=dict)
    ann_p50_ms: float
    ann_p95_ms: float
    exact_p50_ms: float
    exact_p95_ms: float


def measure_recall(
    questions: Sequence[Question],
    *,
    ann: Callable[[Question], list[Hit]],
    exact: Callable[[Question], list[Hit]],
    limit: int,
    index: str | None,
    settings: Mapping[str, float] | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> RecallReport:
    """Ask each question both ways, and return how they compare.

    Args:
        questions: what to ask.
        ann: searches by the index.
        exact: searches by reading every row.
        limit: how many rows each search is for.
        index: the name of the index that Postgres reads, if it reads one.
        settings: what the searches by index run with.
        progress: called with the number of questions done.
    """
    found: list[float] = []
    kept: list[float] = []
    times: tuple[list[float], list[float]] = ([], [])
    for done, question in enumerate(questions, start=1):
        nearest = timed(ann, question, times[0])
        answer = timed(exact, question, times[1])
        found.append(recall_for(question, nearest, answer))
        kept.append(recall_for(question, answer, answer))
        progress(done)
    return RecallReport(
        recall=mean(found),
        exact_recall=mean(kept),
        limit=limit,
        sample=len(found),
        index_used=index is not None,
        index=index,
        settings=settings or {},
        ann_p50_ms=percentile(times[0], 50),
        ann_p95_ms=percentile(times[0], 95),
        exact_p50_ms=percentile(times[1], 50),
        exact_p95_ms=percentile(times[1], 95),
    )


def recall_for(question: Question, found: Sequence[Hit], exact: Sequence[Hit]) -> float:
    """Return the share of a question's answer that was found, 0 to 1."""
    if question.truth is None:
        return recall_of(found, exact)
    if not question.truth:
        return 1.0
    return len({hit.id for hit in found} & question.truth) / len(question.truth)


def recall_of(found: Sequence[Hit], exact: Sequence[Hit]) -> float:
    """Return the share of the exact answer that was found, 0 to 1; ties count as found."""
    if not exact:
        return 1.0
    last = exact[-1].distance
    farthest = last + TIE_TOLERANCE * max(1.0, abs(last))
    return min(1.0, sum(hit.distance <= farthest for hit in found) / len(exact))


def reachable_share(
    questions: Sequence[Question],
    first: Callable[[Question], list[Hit]],
    own_distance: Callable[[Vector], float],
) -> float | None:
    """Return the share of stored rows that a search by their own vector finds, 0 to 1.

    Args:
        questions: the vectors of stored rows.
        first: searches by the index for the nearest row, without leaving any out.
        own_distance: the distance of a vector to itself.
    """
    if not questions:
        return None
    reached = 0
    for question in questions:
        own = own_distance(question.vector)
        farthest = own + SELF_TOLERANCE * max(1.0, abs(own))
        reached += any(hit.distance <= farthest for hit in first(question))
    return reached / len(questions)


def timed(
    search: Callable[[Question], list[Hit]], question: Question, times: list[float]
) -> list[Hit]:
    """Return the hits of a question, and append the milliseconds that it took to `times`."""
    started = time.perf_counter()
    hits = search(question)
    times.append((time.perf_counter() - started) * 1000)
    return hits


def mean(recalls: Sequence[float]) -> float:
    """Return the mean recall; 1 where nothing was asked."""
    return sum(recalls) / len(recalls) if recalls else 1.0


def percentile(times: Sequence[float], percent: float) -> float:
    """Return a percentile of milliseconds; 0 where nothing was asked."""
    return round(float(np.percentile(times, percent)), 3) if times else 0.0


def first_ids(truth: Iterable[Any], limit: int) -> frozenset[str]:
    """Return the ids that a search for `limit` rows should find."""
    return frozenset(list(map(str, truth))[:limit])
