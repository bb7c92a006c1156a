"""JSON on the command line, in a file, and on stdin."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import typer

from embeddb.cli.common.inputs import filter_value, json_value


def test_json_comes_from_three_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.json").write_text("[3]", "utf-8")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"[4]")))
    assert json_value("[2]", "--vector") == [2]
    assert json_value(f"@{tmp_path}/x.json", "--vector") == [3]
    assert json_value("-", "--vector") == [4]


@pytest.mark.parametrize("text", ["{", "@/nowhere/at/all.json"])
def test_what_cannot_be_read_is_a_wrong_use(text: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        json_value(text, "--vector")
    assert caught.value.param_hint == "--vector"


def test_a_filter_is_an_object() -> None:
    assert filter_value(None) is None
    assert filter_value('{"year": 2024}') == {"year": 2024}
    with pytest.raises(typer.BadParameter, match="JSON object"):
        filter_value("[1]")
