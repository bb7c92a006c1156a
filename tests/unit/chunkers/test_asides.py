"""What is left out of the chunks, and what is not."""

from __future__ import annotations

import pytest

from embeddb.chunkers import make_chunker
from tests.support.tokenizers import word_piece

BODY = "The river is high today and boats stay at the quay"
WORDS = ["one", "two", "three", "four", "five", "six"]


def contents(text: str, media_type: str = "text/plain") -> list[str]:
    chunker = make_chunker({"kind": "auto", "max_tokens": 60, "overlap": 0}, word_piece())
    return [chunk.content for chunk in chunker.chunks(text, media_type)]


@pytest.mark.parametrize(
    ("top", "bottom"),
    [
        ("Annual Report 2023", "{page}"),
        ("Chapter One\nAcme Corp.", "- {page} -"),
        ("", "Page {page} of 12"),
        ("{page}   The Book", ""),
        ("Confidential", "Acme 2023 · {page}"),
    ],
)
def test_headers_and_footers_of_pages_are_left_out(top: str, bottom: str) -> None:
    pages = [f"{BODY} {word}.\nMore of {word}, and more." for word in WORDS]
    text = "\f".join(
        f"{top.format(page=n)}\n\n{page}\n\n{bottom.format(page=n)}\n"
        for n, page in enumerate(pages, start=7)
    )
    assert contents(text) == pages


def test_left_and_right_pages_may_have_headers_of_their_own() -> None:
    pages = [f"{BODY} {word}." for word in WORDS]
    text = "\f".join(
        f"{'The Book' if n % 2 else 'A Chapter'}\n\n{page}\n" for n, page in enumerate(pages)
    )
    assert contents(text) == pages


def test_a_line_of_few_pages_stays() -> None:
    pages = [f"Results\n\n{BODY} one.", f"Results\n\n{BODY} two."]
    assert contents("\f".join(pages)) == pages


def test_numbers_at_the_edges_of_pages_that_do_not_count_them_stay() -> None:
    pages = [f"{n * n + 30}\n{BODY}.\n{n * 17 % 11 + 90}" for n in range(6)]
    assert contents("\f".join(pages)) == pages


def test_no_chunk_crosses_a_page() -> None:
    assert contents("One.\fTwo.\f\fThree.") == ["One.", "Two.", "Three."]


@pytest.mark.parametrize(
    "entries",
    [
        "Intro ........ 7\nThe next part . . . . . . 12\nPreface ...... ix",
        "1.1 Setting up…………… 3",
        "Intro ····· 7",
    ],
)
def test_entries_of_a_table_of_contents_are_left_out(entries: str) -> None:
    text = f"Table of Contents\n\n{entries}\n\n{BODY}."
    assert contents(text) == ["Table of Contents", f"{BODY}."]


def test_a_table_of_contents_is_known_by_its_pages() -> None:
    entries = "Intro ........ 7\nUse ........ 7\nEnd ........ 12"
    assert contents(f"{entries}\f{BODY}.") == [f"{BODY}."]


@pytest.mark.parametrize(
    "text",
    [
        "Beer ...... 5\nWine ....... 6\nWater ..... 7",
        "Contents\n\nHe waited ... 7 days.",
        "Wait for it ....... and go.",
    ],
)
def test_dots_elsewhere_stay(text: str) -> None:
    assert contents(text) == [text]


@pytest.mark.parametrize(
    "line",
    [
        "| Prev | Up | Next |\n| --- | --- | --- |",
        "| | | |\n|---|---|---|\n| [Prev](a.html) | | [Next](n.html) |",
        "[Prev](a.html) | [Home](index.html) | [Next](c.html)",
        "« Previous | Next »",
        "[Skip to content](#main)",
        "← [Previous](a.md)",
        "Back to top",
    ],
)
def test_navigation_is_left_out(line: str) -> None:
    text = f"{line}\n\n# Title\n\n{BODY}.\n\n{line}\n"
    assert contents(text, "text/markdown") == [f"# Title\n\n{BODY}."]


@pytest.mark.parametrize(
    "text",
    [
        "Next",
        "## Next\n\nWe go home.",
        "Previous work | Next steps",
        "| Step | Next |\n| --- | --- |\n| one | two |",
        "Next: Installing the tools",
        "```\nPrev | Next\n```",
    ],
)
def test_words_that_navigation_uses_stay(text: str) -> None:
    assert contents(text, "text/markdown") == [text]


def test_rules_alone_are_no_chunk() -> None:
    text = f"{BODY}.\f- - -\n***\f{'=' * 30}\f✅\f42\f¿?\f{'- ' * 200}"
    assert contents(text) == [f"{BODY}.", "✅", "42"]


@pytest.mark.parametrize("text", ["---\n\n***", "Prev | Up | Next", "!!!", "| | |\n|---|---|"])
def test_a_document_is_never_left_out_whole(text: str) -> None:
    assert contents(text, "text/markdown") == [text]


def test_a_text_of_dots_is_read_in_linear_time() -> None:
    assert len(contents("Contents\n" + "." * 200_000 + " 7\n" + BODY)) > 0
