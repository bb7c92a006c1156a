"""The project's own code, as its rules see it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGED = ("embeddb", "migrations", "sql")


def files() -> list[Path]:
    """Return every Python file that is part of the wheel."""
    return sorted(file for folder in PACKAGED for file in (ROOT / folder).rglob("*.py"))


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Return every such file's name and its syntax tree."""
    for file in files():
        yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text("utf-8"))
