"""Leases, counters, logs and options of a worker."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from embeddb.errors import ConfigurationError
from embeddb.repository.queue.jobs import Claim, Job
from embeddb.worker import WorkerOptions
from embeddb.worker.leases import Leases
from embeddb.worker.logs import JsonFormatter, TextFormatter
from embeddb.worker.metrics import WorkerMetrics


def claim(*keys: str) -> Claim:
    now = datetime.now(UTC)
    jobs = (Job(key=key, version=1, attempts=1, enqueued_at=now) for key in keys)
    return Claim(collection=1, token=uuid4(), jobs=tuple(jobs))


def test_leases_are_kept_until_every_key_is_settled() -> None:
    leases = Leases()
    first, second = claim("a", "b"), claim("c")
    leases.add(first)
    leases.add(second)
    assert len(leases) == 3
    leases.settle(first, ["a"])
    assert [keys for _, keys in leases.all()] == [["b"], ["c"]]
    leases.settle(first, ["b"])
    leases.settle(first, ["b"])
    assert leases.all() == [(second, ["c"])]


def test_rates_are_taken_over_the_last_minute() -> None:
    now = [0.0]
    counters = WorkerMetrics(clock=lambda: now[0])
    now[0] = 30.0
    counters.done("docs", 100)
    assert counters.rates() == {"docs": 200.0}
    now[0] = 80.0
    assert counters.rates() == {"docs": 100.0}
    now[0] = 100.0
    assert counters.rates() == {"docs": 0.0}
    assert counters.processed == 100


def record(**extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": "rows given up", "levelname": "WARNING", "created": 0.0})
    vars(made).update(extra)
    return made


def test_logs_are_lines_for_people_or_objects_for_programs() -> None:
    event = record(collection="docs", rows=2, errors="A, B")
    assert TextFormatter().format(event) == (
        '1970-01-01T00:00:00.000+00:00 warning rows given up collection=docs rows=2 errors="A, B"'
    )
    assert json.loads(JsonFormatter().format(event)) == {
        "time": "1970-01-01T00:00:00.000+00:00",
        "level": "warning",
        "event": "rows given up",
        "collection": "docs",
        "rows": 2,
        "errors": "A, B",
    }


@pytest.mark.parametrize(
    "wrong",
    [{"batch": 0}, {"concurrency": 0}, {"max_attempts": 0}, {"lease_seconds": 0.0}],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        WorkerOptions(**wrong)  # type: ignore[arg-type]
