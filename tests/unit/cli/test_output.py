"""What is printed, for people and for programs."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from embeddb.cli import jobs
from embeddb.cli.common import output
from embeddb.cli.common.context import Output
from embeddb.cli.common.layout_options import layout_label
from embeddb.cli.recall import settings_label


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    vector: Any


def test_json_has_records_and_arrays(capsys: pytest.CaptureFixture[str]) -> None:
    when = datetime(2026, 1, 2, tzinfo=UTC)
    output.emit({"points": (Point(1, np.ones(2)),), "when": when, "name": "π"})
    printed = json.loads(capsys.readouterr().out)
    assert printed == {
        "points": [{"x": 1, "vector": [1.0, 1.0]}],
        "when": "2026-01-02 00:00:00+00:00",
        "name": "π",
    }


def test_json_is_ascii_where_the_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    output.emit("π")
    stream.flush()
    assert stream.buffer.getvalue() == b'"\\u03c0"\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [(None, ""), ("one\n two", "one two"), ("x" * 121, "x" * 119 + "…"), ("x" * 120, "x" * 120)],
)
def test_a_snippet_is_one_line(text: str | None, line: str) -> None:
    assert output.snippet(text) == line


def test_a_command_prints_json_or_text(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).print([1], "one")
    assert json.loads(capsys.readouterr().out) == [1]
    Output().print([1], "one")
    Output().print([1], lambda data: output.say(f"{len(data)} thing"))
    assert capsys.readouterr().out == "one\n1 thing\n"


@pytest.mark.parametrize(
    ("layout", "label"),
    [
        ({}, "one table"),
        ({"kind": "hash", "field": "t", "partitions": 16}, "16 partitions by t"),
        (
            {"kind": "list", "field": "t", "values": ["a", "b"]},
            "by t, a partition for each of a, b",
        ),
        ({"kind": "partial", "field": "t", "values": ["a"]}, "by t, an index for each of a"),
    ],
)
def test_a_layout_is_written_in_words(layout: dict[str, Any], label: str) -> None:
    assert layout_label(layout) == label


def test_settings_are_written_without_what_is_not_set() -> None:
    assert settings_label({"ef_search": 40, "on": None, "oversample": 2.5}) == (
        "ef_search 40, oversample 2.5"
    )


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7_199, "1 h"), (200_000, "2 d")],
)
def test_an_age_is_in_the_unit_that_it_fills(seconds: int, age: str) -> None:
    assert jobs._age(datetime.now(UTC) - timedelta(seconds=seconds + 0.01)) == age
