"""What is decided of a claim before its rows are read."""

from __future__ import annotations

import pytest

from embeddb.repository.queue.jobs import ATTEMPTS_UNTIL_ALONE
from embeddb.worker.prepare import deadly_jobs
from tests.support.workers import claim


@pytest.mark.parametrize(
    ("attempts", "max_attempts", "is_deadly"),
    [
        (1, 5, False),
        (5, 5, False),
        (6, 5, True),
        # until it is alone, no row is to blame, however few attempts are allowed
        (ATTEMPTS_UNTIL_ALONE, 1, False),
        (ATTEMPTS_UNTIL_ALONE + 1, 1, True),
    ],
)
def test_a_row_is_to_blame_once_it_was_alone_and_its_attempts_are_used_up(
    attempts: int, max_attempts: int, is_deadly: bool
) -> None:
    found = deadly_jobs(claim("a", attempts=attempts), max_attempts)
    assert set(found) == ({"a"} if is_deadly else set())
    if is_deadly:
        assert found["a"].lasting
        assert found["a"].failure.error == "WorkerDiedError"
        assert f"{attempts - 1} times" in found["a"].failure.message
