"""The title of a page is its first real heading."""

from __future__ import annotations

import pytest

from embeddb.sources.parsers.titles import MAX_TITLE_CHARACTERS, markdown_title, short_title


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# The Guide #\n", "The Guide"),
        ("#\tTabbed", "Tabbed"),
        ("Text.\n\n   # Indented\n", "Indented"),
        ("Install\n=======\n\n```sh\n# fetch\n```\n", "Install"),
        ("Install\r\n=======\r\n", "Install"),
        ("Text.\n\n~~~py\n# helper\n~~~\n\n# Real\n", "Real"),
        ("````md\n```\n# inner\n```\n````\n# Real\n", "Real"),
        ("```\n# never closed\n", None),
        ("    # code\n", None),
        ("<!-- # old -->\n# Real", "Real"),
        ("<!--\n# old\n-->\n# Real", "Real"),
        ("<!--\n# never closed\n", None),
        ("#hashtag\n", None),
        ("####### seven\n", None),
        ("## Second\n\n# First\n", "First"),
        ("### Third\n\n## Second\n", "Third"),
        ("\n\nSection\n-------\n", "Section"),
        ("- item\n---\n", None),
        ("| a |\n---\n", None),
        ("Text.\n\n---\n\nText.\n", None),
        ("a paragraph\nof two lines\n---\n", None),
        ("# [Guide](https://x.org/a) to `code` and **more** {#guide}", "Guide to code and more"),
        ("# ![logo](a.png)\n# Real", "Real"),
        ("# snake_case_name", "snake_case_name"),
        ("#\n# Real", "Real"),
        ("Just text.", None),
        ("", None),
    ],
)
def test_markdown_title(text: str, title: str | None) -> None:
    assert markdown_title(text) == title


def test_a_text_full_of_marks_is_read_in_linear_time() -> None:
    for line in ("```\n", "~~~\n", "<!--\n", "# \n", "--\n", "`" * 50 + "x\n", "[](" * 20 + "\n"):
        assert markdown_title(line * 20_000) is None


@pytest.mark.parametrize(
    ("given", "title"), [("  a \n b ", "a b"), ("", None), (" \t", None), (None, None), (7, "7")]
)
def test_a_title_is_one_line(given: object, title: str | None) -> None:
    assert short_title(given) == title


def test_a_title_is_not_a_text() -> None:
    title = short_title("word " * 1_000) or ""
    assert len(title) <= MAX_TITLE_CHARACTERS
    assert title.endswith("word…")
