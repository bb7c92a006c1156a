"""The answers that forms are measured against are those of exact search."""

from __future__ import annotations

import numpy as np
import pytest

from embeddb.evaluation.compression.exact_answers import Answer, ExactAnswers
from embeddb.evaluation.recall import Question
from embeddb.records import Hit
from embeddb.schema.distances import Distance
from tests.support.vectors import clustered, distances


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product", "l1"])
def test_exact_answers_are_those_of_all_rows_at_once(distance: str) -> None:
    vectors = clustered(500, 16, seed=3)
    keys = [(f"v{n // 2}", n % 2) for n in range(500)]  # two chunks a document
    asked = [Question(vector) for vector in clustered(5, 16, seed=4)]
    asked += [Question(vectors[n], without=keys[n][0]) for n in (0, 77)]
    exact = ExactAnswers(asked, 10, Distance.named(distance))
    for start in range(0, 500, 123):
        exact.add(keys[start : start + 123], vectors[start : start + 123])
    assert exact.rows == 500
    for question, answer in zip(asked, exact.answers(), strict=True):
        found = distances(distance, question.vector, vectors)
        order = [keys[n] for n in np.argsort(found) if keys[n][0] != question.without]
        assert answer == Answer(frozenset(order[:10]), 10)


def test_ties_and_too_few_rows_do_not_count_against_a_form() -> None:
    vectors = np.ones((30, 4), dtype=np.float32)
    keys = [(f"v{n}", 0) for n in range(30)]
    exact = ExactAnswers([Question(vectors[0], without="v0")], 10, Distance.L2)
    exact.add(keys, vectors)
    (answer,) = exact.answers()
    assert (len(answer.nearest), answer.wanted) == (29, 10)
    hits = [
        Hit(id=f"v{n}", chunk_no=0, content=None, metadata={}, distance=0, score=1)
        for n in range(20, 30)
    ]
    assert answer.recall(hits) == 1 and answer.recall(hits[:5]) == 0.5 and answer.recall([]) == 0
    few = ExactAnswers([Question(vectors[0], without="v0")], 10, Distance.L2)
    few.add(keys[:1], vectors[:1])
    assert few.answers() == [Answer(frozenset(), 0)] and few.answers()[0].recall([]) == 1
