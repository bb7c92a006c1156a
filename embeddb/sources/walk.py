"""The files below a folder, in a stable order, without what version control ignores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from embeddb.errors import SourceError

IGNORE_FILES = (".gitignore", ".ignore")

# Written by tools, never by the author of the documents.
GENERATED_FOLDERS = frozenset({"__pycache__", "node_modules", "CVS"})

_Scope = tuple[Path, GitIgnoreSpec]


@dataclass(frozen=True, slots=True)
class Walk:
    """The files below `root` that `include` matches and `exclude` does not.

    Patterns are those of .gitignore. Hidden files and folders are left out, and symbolic
    links to folders are not followed, for they can lead in circles.

    Attributes:
        depth: how many names the path of a file below `root` has; None for any number.
    """

    root: Path
    include: Sequence[str] = ("**/*",)
    exclude: Sequence[str] = ()
    depth: int | None = None

    def files(self) -> Iterator[Path]:
        """Yield the files, those of a folder sorted by name."""
        included = GitIgnoreSpec.from_lines(self.include)
        scopes = [(self.root, GitIgnoreSpec.from_lines(self.exclude)), *_outer_scopes(self.root)]
        for path in _below(self.root, scopes):
            name = path.relative_to(self.root)
            if self.depth in (None, len(name.parts)) and included.match_file(name.as_posix()):
                yield path


def _below(folder: Path, scopes: list[_Scope]) -> Iterator[Path]:
    scopes = [*scopes, *_scopes_of(folder)]
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(f"The folder {folder} cannot be read: {error}.") from error
    for entry in entries:
        path = folder / entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name.startswith(".") or _is_ignored(path, is_folder, scopes):
            continue
        if is_folder and entry.name not in GENERATED_FOLDERS:
            yield from _below(path, scopes)
        elif not is_folder and entry.is_file():
            yield path


def _is_ignored(path: Path, is_folder: bool, scopes: list[_Scope]) -> bool:
    """Return whether a path is ignored: by an exclusion, or by the deepest file that names it."""
    for index, (folder, spec) in enumerate([scopes[0], *reversed(scopes[1:])]):
        name = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
        ignored = spec.check_file(name).include
        if ignored or (ignored is False and index > 0):
            return ignored
    return False


def _scopes_of(folder: Path) -> Iterator[_Scope]:
    for name in IGNORE_FILES:
        try:
            lines = (folder / name).read_text("utf-8", errors="replace").splitlines()
        except OSError:
            continue
        yield folder, GitIgnoreSpec.from_lines(lines)


def _outer_scopes(root: Path) -> list[_Scope]:
    """Return the ignore files above `root`, up to the top of the repository it is in."""
    outer: list[Path] = []
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return [scope for parent in reversed(outer) for scope in _scopes_of(parent)]
        if folder.parent != folder:
            outer.append(folder.parent)
    return []
