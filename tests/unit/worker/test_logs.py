"""The worker's log."""

from __future__ import annotations

import json
import logging

from embeddb.worker.logs import JsonFormatter, TextFormatter


def test_logs_are_lines_for_people_or_objects_for_programs() -> None:
    event = logging.makeLogRecord({"msg": "rows given up", "levelname": "WARNING", "created": 0.0})
    vars(event).update(collection="docs", rows=2, errors="A, B")
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
