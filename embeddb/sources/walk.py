"""What is below a folder, in a stable order: files to read, and what is left out, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from pathspec import GitIgnoreSpec

from embeddb.errors import (
    ConfigurationError,
    DocumentTooLargeError,
    SourceError,
    UnreadableDocumentError,
)
from embeddb.records import Failure, Skipped
from embeddb.sources.paths import glob_depth
from embeddb.sources.tree import Entry, Tree

IGNORE_FILES = (".gitignore", ".ignore")
MAX_IGNORE_BYTES = 1024 * 1024

# Written by tools, never by the author of the documents.
GENERATED_FOLDERS = frozenset({"__pycache__", "node_modules", "CVS"})

Reason = Literal["hidden", "excluded", "ignored", "generated", "symbolic link", "not a file"]

_BY_KIND: dict[str, Reason] = {"link": "symbolic link", "other": "not a file"}


class _Scope(NamedTuple):
    """Patterns, and how the name that they are about follows from the name below the root."""

    skip: int
    before: str
    spec: GitIgnoreSpec

    def ignores(self, name: str) -> bool | None:
        return self.spec.check_file(self.before + name[self.skip :]).include


class _Folder(NamedTuple):
    name: str
    scopes: Sequence[_Scope]


@dataclass(frozen=True)
class Walk:
    """The files below a root that `include` matches and `exclude` does not.

    Patterns are those of .gitignore. Symbolic links to folders are not followed, for they can
    lead in circles.

    Attributes:
        depth: how many names the path of a file below the root has; None for any number.
        selective: whether what `include` does not match is left out without a word.

    Raises:
        ConfigurationError: a pattern is none.
    """

    tree: Tree
    include: Sequence[str] = ("**/*",)
    exclude: Sequence[str] = ()
    depth: int | None = None
    selective: bool = False
    _included: GitIgnoreSpec = field(init=False, repr=False)
    _excluded: GitIgnoreSpec = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_included", _patterns(self.include, "include"))
        object.__setattr__(self, "_excluded", _patterns(self.exclude, "exclude"))

    @classmethod
    def of_glob(cls, tree: Tree, pattern: Sequence[str], exclude: Sequence[str] = ()) -> Walk:
        """Return the walk to the files that a glob matches, given as its parts."""
        depth = glob_depth(pattern)
        return cls(tree, ["/" + "/".join(pattern)], exclude, depth, selective=True)

    def files(self) -> Iterator[str]:
        """Yield the name of each file to read."""
        return (found for found in self.items() if isinstance(found, str))

    def items(self) -> Iterator[str | Skipped | Failure]:
        """Yield the name of each file to read, and a record of everything else.

        A folder that is left out, or that cannot be read, is one record, with `/` at its end.

        Raises:
            SourceError: the root cannot be read.
        """
        try:
            levels = [self._inside(_Folder("", self._outer_scopes()))]
        except OSError as error:
            raise SourceError(f"The folder {self.tree.uri('')} cannot be read: {error}.") from error
        while levels:
            found = next(levels[-1], None)
            if found is None:
                levels.pop()
            elif isinstance(found, _Folder):
                try:
                    levels.append(self._inside(found))
                except OSError as error:
                    yield unreadable(found.name, error)
            else:
                yield found

    def _inside(self, folder: _Folder) -> Iterator[str | Skipped | _Folder]:
        """Read a folder now, and return an iterator over what is in it."""
        entries = self.tree.entries(folder.name.removesuffix("/"))
        scopes = [*folder.scopes, *self._scopes_of(folder.name, entries)]
        return self._sorted_out(folder.name, entries, scopes)

    def _sorted_out(
        self, folder: str, entries: Sequence[Entry], scopes: Sequence[_Scope]
    ) -> Iterator[str | Skipped | _Folder]:
        for entry in entries:
            name = folder + entry.name + ("/" if entry.kind == "folder" else "")
            reason = self._reason(name, entry, scopes)
            if reason is not None:
                if not (self.selective and not self._selects(name)):
                    yield Skipped(id=name, reason=reason)
            elif entry.kind == "folder":
                if self.depth is None or name.count("/") < self.depth:
                    yield _Folder(name, scopes)
            elif self._selects(name):
                yield name
            elif not self.selective:
                yield Skipped(id=name, reason="excluded")

    def _selects(self, name: str) -> bool:
        if self.depth not in (None, name.count("/") + 1):
            return False
        return self._everything or self._included.match_file(name)

    @cached_property
    def _everything(self) -> bool:
        return tuple(self.include) == ("**/*",)

    def _reason(self, name: str, entry: Entry, scopes: Sequence[_Scope]) -> Reason | None:
        """Return why an entry is left out, or None."""
        if entry.name.startswith("."):
            return "hidden"
        if self.exclude and self._excluded.match_file(name):
            return "excluded"
        if _is_ignored(name, scopes):
            return "ignored"
        if entry.kind == "folder":
            return "generated" if entry.name in GENERATED_FOLDERS else None
        return _BY_KIND.get(entry.kind)

    def _scopes_of(self, folder: str, entries: Sequence[Entry]) -> Iterator[_Scope]:
        there = {entry.name for entry in entries if entry.kind == "file"}
        for name in IGNORE_FILES:
            if name in there:
                yield _Scope(len(folder), "", _ignore_file(self.tree, folder + name))

    def _outer_scopes(self) -> list[_Scope]:
        """Return the ignore files above the root, up to the top of the repository it is in."""
        return [
            _Scope(0, f"{path}/", _ignore_file(tree, name))
            for tree, path in self.tree.repository()
            for name in IGNORE_FILES
        ]


def unreadable(name: str, error: OSError, *, document: bool = False) -> Failure:
    """Return the failure for a folder, or a document, that the system does not let one read."""
    message = f"it cannot be read: {error.strerror or error}"
    kind = UnreadableDocumentError.__name__
    return Failure(id=name, error=kind, message=message, document=document)


def _is_ignored(name: str, scopes: Sequence[_Scope]) -> bool:
    """Return whether the deepest ignore file that names a path ignores it."""
    for scope in reversed(scopes):
        ignored = scope.ignores(name)
        if ignored is not None:
            return ignored
    return False


def _ignore_file(tree: Tree, name: str) -> GitIgnoreSpec:
    """Return the patterns of an ignore file; like Git, pass over lines that are none."""
    try:
        data = tree.read(name, MAX_IGNORE_BYTES)
    except (OSError, DocumentTooLargeError):
        return GitIgnoreSpec.from_lines([])
    return GitIgnoreSpec.from_lines(filter(_is_pattern, data.decode(errors="replace").splitlines()))


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _patterns(lines: Sequence[str], option: str) -> GitIgnoreSpec:
    for line in lines:
        if not _is_pattern(line):
            raise ConfigurationError(
                f"{option} holds {line!r}, which is no pattern: write it as in a .gitignore file."
            )
    return GitIgnoreSpec.from_lines(lines)
