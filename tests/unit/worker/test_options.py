"""The options of a worker."""

from __future__ import annotations

import pytest

from embeddb.errors import ConfigurationError
from embeddb.worker import WorkerOptions


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch": 0},
        {"concurrency": 0},
        {"max_attempts": 0},
        {"lease_seconds": 0.0},
        {"poll_seconds": -1.0},
        {"retry_seconds": 0.0},
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        WorkerOptions(**wrong)  # type: ignore[arg-type]
