"""Paths as users write them."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from embeddb.errors import SourceError

_GLOB_MARKS = frozenset("*?[")


def split_glob(path: Path) -> tuple[Path, Sequence[str]] | None:
    """Return the folder that a glob begins in and its pattern below it, or None for a plain path.

    What exists is no pattern, whatever its name holds: not the path, nor a folder on the way.
    """
    root = Path()
    for number, part in enumerate(path.parts):
        if set(part) & _GLOB_MARKS and not (root / part).exists():
            return root.absolute(), path.parts[number:]
        root /= part
    return None


def glob_depth(pattern: Sequence[str]) -> int | None:
    """Return how deep below its root a glob finds files, or None if at any depth."""
    return None if "**" in pattern else len(pattern)


def require_file(path: str | PathLike[str]) -> Path:
    """Return the path of a file that exists, `~` expanded.

    Raises:
        SourceError: there is none.
    """
    found = Path(path).expanduser()
    if found.is_file():
        return found
    if found.is_dir():
        raise SourceError(f"{found} is a folder: name a file in it, or read it with Files.")
    raise missing(found)


def missing(path: Path) -> SourceError:
    """Return the error for a path with nothing at it; it says where it was looked for."""
    return SourceError(
        f"There is no file or folder {path} (looked in {Path.cwd()}): check the path."
    )
