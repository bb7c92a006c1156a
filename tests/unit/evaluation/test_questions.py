"""What a collection is measured with: arguments are checked before the database is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embeddb.db.pooled import PooledDatabase
from embeddb.errors import ConfigurationError
from embeddb.evaluation.questions import questions
from tests.support.generations import generation, record

DATABASE = PooledDatabase("postgresql://nobody@nowhere.invalid/none")
DOCS = record(generation())
QUERIES = [np.array([1, 0, 0], np.float32), np.array([0, 1, 0], np.float32)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample": 0}, "sample must be at least 1, not 0"),
        ({"truth": [["a"]]}, "truth= is what queries= should find: pass both"),
        ({"queries": QUERIES, "truth": [["a"]]}, "ids of 1 queries, and there are 2"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        questions(DATABASE, DOCS, **({"sample": 5, "limit": 2} | arguments))


def test_the_callers_queries_are_asked_as_they_are() -> None:
    asked = questions(DATABASE, DOCS, sample=5, limit=2, queries=QUERIES)
    assert [question.vector.tolist() for question in asked] == [[1, 0, 0], [0, 1, 0]]
    assert {(question.without, question.truth) for question in asked} == {(None, None)}


def test_a_truth_counts_as_far_as_a_search_goes() -> None:
    truth = [["a", "b", "c"], [7]]
    asked = questions(DATABASE, DOCS, sample=5, limit=2, queries=QUERIES, truth=truth)  # type: ignore[arg-type]
    assert [question.truth for question in asked] == [frozenset("ab"), frozenset("7")]
