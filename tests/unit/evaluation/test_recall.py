"""Recall: the share of the exact answer that was found."""

from __future__ import annotations

import numpy as np
import pytest

from embeddb.evaluation.recall import measure_recall, recall_of
from embeddb.records import Hit


def _hits(*distances: float) -> list[Hit]:
    return [
        Hit(id=str(n), chunk_no=0, content=None, metadata={}, distance=d, score=1 - d)
        for n, d in enumerate(distances)
    ]


@pytest.mark.parametrize(
    ("found", "truth", "recall"),
    [
        ((0.1, 0.2), (0.1, 0.2), 1.0),
        ((0.1, 0.3), (0.1, 0.2), 0.5),
        ((0.3, 0.4), (0.1, 0.2), 0.0),
        ((0.1,), (0.1, 0.2), 0.5),
        ((), (0.1, 0.2), 0.0),
        ((), (), 1.0),
        ((0.2, 0.2, 0.2), (0.1, 0.2, 0.2), 1.0),
        ((0.2 + 1e-9,), (0.2,), 1.0),
        ((0.2 + 1e-5,), (0.2,), 0.0),
        ((-100.00001,), (-100.0,), 1.0),
        ((0.1, 0.1, 0.1), (0.1, 0.1), 1.0),
    ],
)
def test_recall_counts_what_is_as_near_as_the_exact_answer(
    found: tuple[float, ...], truth: tuple[float, ...], recall: float
) -> None:
    assert recall_of(_hits(*found), _hits(*truth)) == recall


def test_recall_is_the_mean_over_the_queries() -> None:
    answers = {0.0: _hits(0.1, 0.9), 1.0: _hits(0.1, 0.2)}
    done: list[int] = []
    report = measure_recall(
        [np.array([value], dtype=np.float32) for value in answers],
        ann=lambda query: answers[float(query[0])],
        exact=lambda query: _hits(0.1, 0.2),
        limit=2,
        index_used=True,
        progress=done.append,
    )
    assert (report.recall, report.sample, report.limit) == (0.75, 2, 2)
    assert report.index_used
    assert done == [1, 2]


def test_no_queries_miss_nothing() -> None:
    report = measure_recall(
        [], ann=lambda query: [], exact=lambda query: [], limit=5, index_used=False
    )
    assert (report.recall, report.sample, report.ann_p50_ms) == (1.0, 0, 0.0)
