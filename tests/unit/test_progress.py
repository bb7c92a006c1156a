"""Progress bars go to stderr, and only where they are wanted."""

from __future__ import annotations

import pytest

from embeddb.progress import Silent, shown


def test_bars_are_drawn_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(True) as display:
        display.documents(2.5, 10)
        display.index("copying vectors", 3, 4)
        display.documents(10, 10)
        display.index("built", 0, 0)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "10/10" in printed.err and "index: built" in printed.err


def test_without_progress_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(False) as display:
        assert isinstance(display, Silent)
        display.documents(1, 2)
        display.index("built", 1, 1)
    assert capsys.readouterr() == ("", "")
