"""Findings, and numbers as people read them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from embeddb.diagnostics.findings import DoctorReport, Finding, run_check
from embeddb.diagnostics.units import postgres_version, size
from embeddb.errors import DatabaseUnavailableError


def test_a_report_is_ok_unless_something_fails() -> None:
    fine, warning = Finding("ok", "server", "answers"), Finding("warn", "memory", "low", "more")
    assert DoctorReport(()).ok
    assert DoctorReport((fine, warning)).ok
    assert not DoctorReport((fine, Finding("fail", "schema", "missing"))).ok


def test_an_error_ends_a_check_as_a_failure_with_its_remedy() -> None:
    def check() -> Iterator[Finding]:
        yield Finding("ok", "server", "answers")
        raise DatabaseUnavailableError("Nobody answers.\nStart it:\nembeddb db start")

    assert list(run_check("server", check)) == [
        Finding("ok", "server", "answers"),
        Finding("fail", "server", "Nobody answers.", "Start it:\nembeddb db start"),
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1536, "1.5 kB"),
        (5 * 1024**2, "5.0 MB"),
        (3 * 1024**3, "3.0 GB"),
        (2000 * 1024**4, "2,000.0 TB"),
    ],
)
def test_bytes_are_written_in_the_unit_that_suits_them(count: int, text: str) -> None:
    assert size(count) == text


def test_a_version_is_written_as_postgres_does() -> None:
    assert postgres_version(180006) == "18.6"
