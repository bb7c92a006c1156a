"""What a hit says, for people."""

from __future__ import annotations

import io

from rich.console import Console

from embeddb.cli.common.passages import passage
from embeddb.records import Hit

LONG = "\n\n".join(f"Paragraph {n} is about nothing much." for n in range(20))


def _hit(content: str | None, uri: str | None = None) -> Hit:
    return Hit(id="a", chunk_no=3, content=content, metadata={}, distance=0.25, score=0.75, uri=uri)


def _text(
    content: str | None, query: str | None, *, full: bool = False, uri: str | None = None
) -> str:
    console = Console(file=io.StringIO(), width=80)
    return passage(_hit(content, uri), 1, query, console, full=full).plain


def test_a_hit_says_where_it_is_and_how_near() -> None:
    lines = _text("one line", "x", uri="docs/a.md").splitlines()
    assert lines == ["1. a  chunk 3  score 0.750  distance 0.250", "   docs/a.md", "   one line"]


def test_the_lines_with_the_words_are_shown() -> None:
    content = LONG + "\n\nHow to restart a cluster.\n\n" + LONG
    lines = _text(content, "how do I restart clusters").splitlines()[1:]
    assert any("restart a cluster" in line for line in lines)
    assert len(lines) == 4
    assert lines[0].strip().startswith("…")
    assert lines[-1].endswith("…")


def test_without_words_the_beginning_is_shown() -> None:
    for query in (None, "is it the", "?!"):
        lines = _text(LONG, query).splitlines()[1:]
        assert lines[0] == "   Paragraph 0 is about nothing much."
        assert lines[-1].endswith("…")


def test_all_of_a_chunk_is_shown_as_it_is() -> None:
    content = "a  long\n\n" + "word " * 100
    shown = _text(content, "word", full=True).splitlines()[1:]
    assert [line.removeprefix("   ") for line in shown] == content.splitlines()


def test_words_are_marked_with_their_endings_and_whole() -> None:
    console = Console(file=io.StringIO(), width=80)
    made = passage(_hit("Trees, a tree; no streets."), 1, "the TREE?", console, full=False)
    marked = [
        made.plain[span.start : span.end] for span in made.spans if "yellow" in str(span.style)
    ]
    assert marked == ["Trees", "tree"]


def test_a_chunk_without_text_says_so() -> None:
    assert _text(None, None).splitlines()[1:] == ["   (no text)"]


def test_what_would_command_the_terminal_is_written_out() -> None:
    assert "\x1b" not in _text("\x1b[31mred", "red")
