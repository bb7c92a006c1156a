"""Folders and files below a root: what a walk asks of the place that they are in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from embeddb.errors import DocumentTooLargeError

Kind = Literal["file", "folder", "link", "other"]


class Entry(NamedTuple):
    """A name in a folder; `link` leads to a folder or nowhere, `other` is a pipe or the like."""

    name: str
    kind: Kind


class Tree(Protocol):
    """Folders and files below a root. Names are paths below it, with `/`; the root is empty."""

    def entries(self, folder: str) -> list[Entry]:
        """Return what is in a folder, sorted by name.

        Raises:
            OSError: the folder cannot be read.
        """
        ...

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a file.

        Raises:
            OSError: the file cannot be read.
            DocumentTooLargeError: it has more than `limit` bytes.
        """
        ...

    def uri(self, name: str) -> str:
        """Return the address of a file."""
        ...

    def repository(self) -> list[tuple[Tree, str]]:
        """Return the folders from the top of the repository down to the root, the root left out.

        Each comes with the path of the root below it; none where there is no repository.
        """
        ...


@dataclass(frozen=True, slots=True)
class Disk:
    """A folder on a disk of this machine."""

    root: Path

    def entries(self, folder: str) -> list[Entry]:
        """Return what is in a folder, sorted by name."""
        with os.scandir(self.root / folder) as found:
            return sorted(Entry(entry.name, _kind(entry)) for entry in found)

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a file, at most `limit`."""
        with (self.root / name).open("rb") as file:
            check_size(os.fstat(file.fileno()).st_size, limit)
            data = file.read(limit + 1)
        check_size(len(data), limit)
        return data

    def uri(self, name: str) -> str:
        """Return the `file:` address of a file."""
        return (self.root / name).as_uri()

    def repository(self) -> list[tuple[Tree, str]]:
        """Return the folders from the top of the repository down to the root, the root left out."""
        for folder in (self.root, *self.root.parents):
            if (folder / ".git").exists():
                outer = self.root.parents[: len(self.root.relative_to(folder).parts)]
                return [(Disk(one), self.root.relative_to(one).as_posix()) for one in outer[::-1]]
        return []


def check_size(size: int, limit: int) -> None:
    """Check that a file is not larger than what is read of one.

    Raises:
        DocumentTooLargeError: it is.
    """
    if size > limit:
        raise DocumentTooLargeError(f"the file has more than {limit:,} bytes: split it")


def _kind(entry: os.DirEntry[str]) -> Kind:
    try:
        if entry.is_symlink():
            return "file" if entry.is_file() else "link"
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        return "file" if entry.is_file(follow_symlinks=False) else "other"
    except OSError:  # a circle of links
        return "link"
