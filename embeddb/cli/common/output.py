"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from embeddb.cli.common.tables import Facts, Listing, shown


class _Console(Console):
    """A console whose lines are as long as they are, unless a terminal shows them."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401
        """Print as rich does, but cut nothing, and without a terminal wrap nothing."""
        options.setdefault("crop", False)
        if not self.is_terminal:
            options.setdefault("soft_wrap", True)
        super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """End in silence: whoever read the output has gone."""
        raise BrokenPipeError


def console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Return a console that prints texts as they are; without a terminal, without control codes."""
    return _Console(stderr=stderr, quiet=quiet, highlight=False, markup=False, emoji=False)


out = console()
err = console(stderr=True)


def say(text: str) -> None:
    """Print a text on stdout, its lines as long as they are."""
    out.print(shown(text), soft_wrap=True)


def emit(data: object) -> None:
    """Print one JSON document on stdout."""
    escaped = "utf" not in (sys.stdout.encoding or "").lower()
    text = json.dumps(data, ensure_ascii=escaped, indent=2, default=_plain)
    sys.stdout.write(text + "\n")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    clip: str | None = None,
    prose: str | None = None,
    drop: Sequence[str] = (),
) -> Listing:
    """Return a table.

    Args:
        columns: their headings.
        rows: one value a column; a rich Text keeps its style.
        right: the columns of numbers.
        clip: the column whose texts are cut to what the others leave of the line.
        prose: the column of sentences, which are wrapped.
        drop: the columns that are left out of a line that is too short, the first one first.
    """
    cells = [
        [value if isinstance(value, Text) else Text(str(value)) for value in row] for row in rows
    ]
    return Listing(columns=columns, rows=cells, right=right, clip=clip, prose=prose, drop=drop)


def facts(pairs: Iterable[tuple[str, object]]) -> Facts:
    """Return names and their values, a line each."""
    return Facts(pairs=[(name, str(value)) for name, value in pairs])


def snippet(text: str | None, length: int = 120) -> str:
    """Return the beginning of a text on one line."""
    line = " ".join((text or "").split())
    return line if len(line) <= length else line[: length - 1] + "…"


def record_fields(record: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the fields of a dataclass, by name and in order."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Turn records and arrays into what JSON has."""
    if dataclasses.is_dataclass(value):
        return record_fields(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return dict(value) if hasattr(value, "keys") else str(value)
