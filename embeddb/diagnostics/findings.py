"""What `embeddb doctor` says: a line each, with a remedy where something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from embeddb.errors import EmbedDBError

Level: TypeAlias = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    subject: str
    message: str
    remedy: str = ""


Check: TypeAlias = Callable[[], Iterable[Finding]]


def examine(subject: str, check: Check) -> Iterator[Finding]:
    """Run a check; an error is a failure, its message the remedy."""
    try:
        yield from check()
    except EmbedDBError as error:
        first, _, rest = str(error).partition("\n")
        yield Finding("fail", subject, first, rest)
