"""Paths as users write them."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from embeddb.errors import SourceError


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
