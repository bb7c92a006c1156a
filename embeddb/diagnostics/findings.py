"""What a check of the doctor reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from embeddb.errors import EmbedDBError

Level: TypeAlias = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        level: `ok`; `warn`: it works, but not as well as it could; `fail`: it is broken.
        subject: what was checked: a collection's name, or a part of the server.
        message: what was found, in a sentence.
        remedy: a command or a sentence that says how to fix it; empty where nothing is wrong.
    """

    level: Level
    subject: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """Everything that the doctor found, in the order of its checks."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is broken; there may be warnings."""
        return all(finding.level != "fail" for finding in self.findings)


Check: TypeAlias = Callable[[], Iterable[Finding]]


def run_check(subject: str, check: Check) -> Iterator[Finding]:
    """Yield what a check finds; an error that ends it is a failure of its subject."""
    try:
        yield from check()
    except EmbedDBError as error:
        yield failure(subject, error)


def failure(subject: str, error: EmbedDBError) -> Finding:
    """Return an error as a finding: its first line is the message, the rest is the remedy."""
    message, _, remedy = str(error).partition("\n")
    return Finding("fail", subject, message, remedy)
