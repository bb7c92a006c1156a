"""How Markdown is cut."""

from __future__ import annotations

import pytest

from embeddb.chunkers import MarkdownChunker
from tests.support.tokenizers import word_piece

BODY = "Some words about it that fill a line or two of text here."


def contents(text: str, max_tokens: int = 30) -> list[str]:
    return [chunk.content for chunk in MarkdownChunker(max_tokens, 0, word_piece()).chunks(text)]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_sections_start_with_their_headings(newline: str) -> None:
    sections = [f"## Part {number}\n\n{BODY}" for number in range(4)]
    text = "\n\n".join(sections).replace("\n", newline)
    assert contents(text) == [section.replace("\n", newline) for section in sections]


def test_small_sections_share_a_chunk() -> None:
    text = "## A\n\nOne.\n\n## B\n\nTwo.\n\n## C\n\nThree."
    assert contents(text) == [text]


def test_higher_headings_are_stronger_borders() -> None:
    text = f"# One\n\n{BODY}\n\n# Two\n\nShort.\n\n## Two and a half\n\n{BODY}"
    assert contents(text, 36)[0] == f"# One\n\n{BODY}"


def test_a_heading_stays_with_the_heading_below_it() -> None:
    text = f"{BODY}\n\n# Title\n\n## Part\n\n{BODY}"
    assert contents(text, 25) == [BODY, f"# Title\n\n## Part\n\n{BODY}"]


def test_underlined_headings_are_headings() -> None:
    text = f"One\n===\n\n{BODY}\n\nTwo\n---\n\n{BODY}"
    assert contents(text, 28) == [f"One\n===\n\n{BODY}", f"Two\n---\n\n{BODY}"]


def test_comments_in_fenced_code_are_no_headings() -> None:
    code = "```sh\n# first\nls -l\n# second\ncat notes\n```"
    text = f"# A\n\n{BODY}\n\n# B\n\n{code}"
    assert contents(text) == [f"# A\n\n{BODY}", f"# B\n\n{code}"]


def test_a_chunk_keeps_its_indentation() -> None:
    items = [f"    - nested item number {number} of this list" for number in range(12)]
    chunks = contents("- top\n" + "\n".join(items), 40)
    assert len(chunks) > 1
    assert all(chunk.startswith("    - ") for chunk in chunks[1:])


@pytest.mark.parametrize(
    "block",
    [
        "```python\n" + "\n\n".join(f"x{n} = {n}" for n in range(5)) + "\n```",
        "~~~\n# no heading\n\nless\n\nmore\n~~~",
        "| name | value |\n| --- | --- |\n| a b | It is. |\n| c d | So it is. |",
        "- An item of a list. It has\n  two sentences. Or three.\n\n  And a paragraph.",
        "1. One of them.\n   - Below it.\n   - And this. And that.",
    ],
)
@pytest.mark.parametrize("before", range(3, 30, 2))
def test_a_block_that_fits_is_not_cut(block: str, before: int) -> None:
    words = " ".join(["rain"] * before)
    text = f"{words}\n\n{block}\n\n{words} and sun.\n\n{words}."
    assert any(block in chunk for chunk in contents(text, 40))


def test_a_block_that_does_not_fit_is_cut_between_lines() -> None:
    rows = [f"| row {n} | some words |" for n in range(30)]
    text = "\n".join(["| name | value |", "| --- | --- |", *rows])
    pieces = [line for chunk in contents(text, 40) for line in chunk.split("\n")]
    assert pieces == text.split("\n")
