"""A part of a claim: chosen from, halved, and put together by size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from embeddb.pipeline.ingest.work import Work
from embeddb.repository.collections.documents import ReadyDocument
from embeddb.repository.queue.jobs import JobFailure
from embeddb.worker.batch import JobBatch, RowError, group_by_size
from tests.support.workers import batch, claim, document

FAILURE = RowError(JobFailure("EncodingError", "no"))


@pytest.fixture
def mixed() -> JobBatch:
    """Two documents of two and one chunks, two keys without text, an unchanged and a bad one."""
    made = batch(claim("a", "b", "c", "d", "e", "f"))
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    made.work = Work(documents=[document("a", 2), document("b", 1)], vectors=vectors)
    made.gone = ["c", "d"]
    made.unchanged = ["e"]
    made.errors = {"f": FAILURE}
    return made


def ids(documents: Sequence[ReadyDocument]) -> list[str]:
    return [one.id for one in documents]


def test_what_can_be_finished_is_all_but_the_errors(mixed: JobBatch) -> None:
    assert mixed.ready == ["a", "b", "c", "d", "e"]
    assert mixed.keys == ["a", "b", "c", "d", "e", "f"]


@pytest.mark.parametrize(
    ("keys", "documents", "rows"),
    [
        ({"a", "b", "c"}, ["a", "b"], [0, 1, 2]),
        ({"a"}, ["a"], [0, 1]),
        ({"b", "f"}, ["b"], [2]),
        (set(), [], []),
    ],
)
def test_documents_are_chosen_with_their_own_vectors(
    mixed: JobBatch, keys: set[str], documents: list[str], rows: list[int]
) -> None:
    found, vectors = mixed.select(keys)
    assert ids(found) == documents
    assert mixed.work.vectors is not None
    assert np.array_equal(vectors, mixed.work.vectors[rows])


def test_halves_have_every_job_that_can_be_finished_once_and_no_error(mixed: JobBatch) -> None:
    first, second = mixed.halves()
    assert first.ready == ["a", "b"]
    assert second.ready == ["c", "d", "e"]
    assert (second.gone, second.unchanged) == (["c", "d"], ["e"])
    assert first.errors == second.errors == {}
    assert first.claim is second.claim is mixed.claim
    third, fourth = first.halves()
    assert mixed.work.vectors is not None
    assert np.array_equal(third.vectors, mixed.work.vectors[:2])
    assert np.array_equal(fourth.vectors, mixed.work.vectors[2:])


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([1, 1, 1, 1], [[1, 1, 1], [1]]),
        ([2, 2, 2], [[2], [2], [2]]),
        ([9, 1], [[9], [1]]),
        ([1, 9], [[1], [9]]),
        ([0, 3, 0], [[0, 3, 0]]),
    ],
    ids=str,
)
def test_a_group_has_at_most_so_many_chunks_or_one_document(
    sizes: list[int], expected: list[list[int]]
) -> None:
    documents = [document(str(number), size) for number, size in enumerate(sizes)]
    groups = list(group_by_size(documents, 3))
    assert [[len(one.chunks) for one in group] for group in groups] == expected
    assert [one for group in groups for one in group] == documents
