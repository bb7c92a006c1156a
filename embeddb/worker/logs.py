"""The worker's log: events with fields, as lines for people or as JSON for programs.

No field ever holds a document's text, a vector, a key of a row, or a password.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record of `logging` has; the rest is what an event was logged with."""


def fields(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    """Yield the names and values that an event was logged with."""
    return ((name, value) for name, value in vars(record).items() if name not in _OWN)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000+00:00 info rows given up collection=articles rows=1`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return an event as one line of text."""
        words = [_time(record), record.levelname.lower(), record.getMessage()]
        words += [f"{name}={_quoted(str(value))}" for name, value in fields(record)]
        return " ".join(words)


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with `time`, `level` and `event`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return an event as a JSON object on one line."""
        head = {"time": _time(record), "level": record.levelname.lower()}
        data = {**head, "event": record.getMessage(), **dict(fields(record))}
        return orjson.dumps(data, default=str).decode()


def set_up(form: Literal["text", "json"]) -> None:
    """Send the worker's log to stderr, and nowhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    log = logging.getLogger("embeddb.worker")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line}"' if " " in line else line
