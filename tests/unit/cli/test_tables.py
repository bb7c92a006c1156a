"""Tables at a terminal, and in a pipe."""

from __future__ import annotations

import io

import pytest
from rich.text import Text

from embeddb.cli.common import output
from embeddb.cli.common.tables import Listing, shown

COLUMNS = ("collection", "chunks", "model", "index")
ROWS = [
    ("python_docs", 1_000, "all-MiniLM-L6-v2", "hnsw"),
    ("a name, twice  spaced and 東京", 2, "none", "exact"),
]


def _drawn(table: object, width: int | None, encoding: str = "utf-8") -> list[str]:
    """Return the lines at a terminal of a width, or in a pipe where that is None."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    console = output.console()
    console.file = stream
    console._force_terminal = width is not None
    console._color_system = None
    if width is not None:
        console.size = (width, 30)
    console.print(table)
    stream.flush()
    return stream.buffer.getvalue().decode(encoding).splitlines()


def _collections() -> Listing:
    return output.table(COLUMNS, ROWS, right=("chunks",), drop=("index", "model"))


def test_a_pipe_gets_a_row_a_line_with_all_columns() -> None:
    lines = _drawn(_collections(), None)
    assert lines == [
        "collection                      chunks  model             index",
        "python_docs                       1000  all-MiniLM-L6-v2  hnsw",
        "a name, twice  spaced and 東京       2  none              exact",
    ]


def test_a_pipe_gets_long_rows_whole() -> None:
    rows = [("name", "word " * 100 + "end\nof it")]
    lines = _drawn(output.table(("a", "b"), rows, clip="b"), None)
    assert len(lines) == 2
    assert lines[1].endswith("word end of it")


@pytest.mark.parametrize(("width", "left"), [(80, []), (62, ["index"]), (41, ["index", "model"])])
def test_a_terminal_leaves_out_columns_and_breaks_no_name(width: int, left: list[str]) -> None:
    lines = _drawn(_collections(), width)
    for name, *_ in ROWS:
        assert any(line.startswith(name) for line in lines)
    assert all(len(line) <= width for line in lines)
    told = [line for line in lines if line.startswith("No room for")]
    assert told == (
        [f"No room for: {', '.join(n for n in COLUMNS if n in left)}."[:width]] if left else []
    )


def test_a_name_longer_than_the_line_stays_whole() -> None:
    lines = _drawn(output.table(("id",), [("x" * 90,)]), 40)
    assert "x" * 90 in lines


def test_a_terminal_cuts_one_column_and_wraps_another() -> None:
    clipped = _drawn(output.table(("id", "text"), [("a", "word " * 30)], clip="text"), 40)
    assert all(len(line.rstrip()) <= 40 for line in clipped)
    assert any(line.rstrip().endswith("…") for line in clipped)
    wrapped = _drawn(output.table(("id", "text"), [("a", "word " * 30)], prose="text"), 40)
    assert sum(line.count("word") for line in wrapped) == 30


def test_columns_are_aligned_as_the_stream_shows_them() -> None:
    lines = _drawn(output.table(("name", "n"), [("é", 1), ("plain", 2)]), None, "latin-1")
    assert lines[1:] == ["é      1", "plain  2"]


def test_a_cell_keeps_its_style_and_markup_is_text() -> None:
    drawn = _drawn(output.table(("a", "b"), [(Text("ok", style="green"), "[bold]x[/bold]")]), 60)
    assert any("[bold]x[/bold]" in line for line in drawn)


def test_facts_are_a_line_each() -> None:
    pairs: list[tuple[str, object]] = [("id", "a"), ("metadata", "x" * 200)]
    for width in (None, 40):
        lines = [line.rstrip() for line in _drawn(output.facts(pairs), width)]
        assert lines == ["id        a", "metadata  " + "x" * 200]


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[2Jgone\x07", r"\x1b[2Jgone\x07"),
        ("back\rover\x9b", r"back\rover\x9b"),
        ("東京 é", "東京 é"),
    ],
)
def test_no_text_commands_the_terminal(text: str, harmless: str) -> None:
    assert shown(text) == harmless
