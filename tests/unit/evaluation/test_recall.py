"""Recall: the share of the exact answer that was found."""

from __future__ import annotations

import numpy as np
import pytest

from embeddb.evaluation.recall import (
    Question,
    first_ids,
    measure_recall,
    reachable_share,
    recall_for,
    recall_of,
)
from embeddb.records import Hit, Vector


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


def _question(value: float, *truth: str) -> Question:
    vector = np.array([value], dtype=np.float32)
    return Question(vector, truth=frozenset(truth) if truth else None)


def test_recall_is_the_mean_over_the_queries() -> None:
    answers = {0.0: _hits(0.1, 0.9), 1.0: _hits(0.1, 0.2)}
    done: list[int] = []
    report = measure_recall(
        [_question(value) for value in answers],
        ann=lambda question: answers[float(question.vector[0])],
        exact=lambda question: _hits(0.1, 0.2),
        limit=2,
        index="docs_g1_hnsw",
        settings={"ef_search": 40},
        progress=done.append,
    )
    assert (report.recall, report.exact_recall, report.sample, report.limit) == (0.75, 1.0, 2, 2)
    assert (report.index_used, report.index) == (True, "docs_g1_hnsw")
    assert report.settings == {"ef_search": 40}
    assert 0 <= report.ann_p50_ms <= report.ann_p95_ms
    assert 0 <= report.exact_p50_ms <= report.exact_p95_ms
    assert done == [1, 2]


def test_a_given_truth_tells_the_loss_of_index_and_storage_apart() -> None:
    report = measure_recall(
        [_question(0, "0", "1", "7", "8"), _question(0, "0", "1")],
        ann=lambda question: _hits(0.1),
        exact=lambda question: _hits(0.1, 0.2),
        limit=4,
        index=None,
    )
    assert (report.recall, report.exact_recall) == ((0.25 + 0.5) / 2, (0.5 + 1.0) / 2)
    assert not report.index_used


def test_the_truth_is_cut_to_the_limit() -> None:
    assert first_ids(["a", "b", "c"], 2) == {"a", "b"}
    assert recall_for(Question(np.zeros(1, np.float32), truth=frozenset()), _hits(1), []) == 1.0


def test_no_queries_miss_nothing() -> None:
    report = measure_recall(
        [], ann=lambda question: [], exact=lambda question: [], limit=5, index=None
    )
    assert (report.recall, report.sample, report.ann_p50_ms) == (1.0, 0, 0.0)


def test_a_row_is_reached_by_a_hit_as_near_as_itself() -> None:
    questions = [Question(np.array([length, 0], np.float32)) for length in (1, 2, 3, 4)]
    answers = iter([_hits(-1.00001), _hits(-3.9), [], _hits(-16)])

    def own(vector: Vector) -> float:
        return -float(vector @ vector)

    assert reachable_share(questions, lambda question: next(answers), own) == 0.5
    assert reachable_share([], lambda question: [], own) is None
