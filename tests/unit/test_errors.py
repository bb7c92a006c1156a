"""What errors suggest."""

from __future__ import annotations

import pytest

from embeddb.errors import did_you_mean


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("note", " Did you mean 'notes'?"),
        ("NOTES", " Did you mean 'notes'?"),
        ("Strasse", " Did you mean 'straße'?"),
        ("invoices", ""),
        ("", ""),
    ],
)
def test_a_mistyped_word_is_answered_with_the_one_that_is_near(word: str, meant: str) -> None:
    assert did_you_mean(word, ["articles", "notes", "straße"]) == meant
