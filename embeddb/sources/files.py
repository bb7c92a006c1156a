"""A file, the files below a folder, or those that a glob matches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from embeddb.errors import (
    EmbedDBError,
    EmptyDocumentError,
    MissingDependencyError,
    SourceError,
    UnsupportedFormatError,
)
from embeddb.records import Document, Failure, Skipped, SourceItem
from embeddb.sources.formats import (
    NO_PARSER,
    SNIFFED_BYTES,
    ZIP_START,
    recognize,
    skip_reason,
)
from embeddb.sources.parsers import Parsed, parse
from embeddb.sources.paths import missing, split_glob
from embeddb.sources.remote import is_address, open_remote
from embeddb.sources.tree import Disk, Tree
from embeddb.sources.walk import Walk, unreadable

# A file is parsed in memory, and what it becomes there can be ten times as large.
MAX_FILE_BYTES = 128 * 1024 * 1024

_FILE = "file://"


class _Plan(NamedTuple):
    """The folder that ids are relative to, and the walk below it, or the one file in it."""

    tree: Tree
    walk: Walk
    file: str | None = None


@dataclass(frozen=True)
class Files:
    """Files as documents: text, Markdown, HTML, PDF, office files, e-mail, notebooks, source code.

    In a folder, everything is a document, a Failure, or Skipped with a reason: hidden files,
    what .gitignore or .ignore leaves out, empty files, files without a parser. An id is the path
    below the folder. A file that you name by itself is always read.

    Attributes:
        path: a file, a folder, a glob such as `docs/**/*.md`, or the address of a file or folder
            in an object store, such as `s3://bucket/docs` (the extra `remote`).
        include: patterns, as in .gitignore, of the files of a folder to read.
        exclude: patterns of files and folders to leave out.
        encoding: of text files without a byte order mark.

    Raises:
        SourceError: there is nothing at `path`.
        ConfigurationError: a pattern is none.
        UnsupportedFormatError: `path` is one file, and no parser reads it.
    """

    path: str | PathLike[str]
    include: Sequence[str] = ("**/*",)
    exclude: Sequence[str] = ()
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        plan = self._plan()
        if plan.file is not None and isinstance(plan.tree, Disk):
            _check_readable(plan.tree.root / plan.file, plan.file, self.encoding)

    def documents(self) -> Iterator[SourceItem]:
        """Yield each file's document, a Failure, or why it is left out.

        A folder that is left out, or that cannot be read, is one item, with `/` at the end of its
        id.

        Raises:
            SourceError: the folder cannot be read.
            MissingDependencyError: `path` is one file whose parser is not installed; in a
                folder, such a file is a Failure.
            UnsupportedFormatError: `path` is one file, and no parser reads it.
        """
        plan = self._plan()
        if plan.file is not None:
            yield self._named(plan.tree, plan.file)
            return
        for found in plan.walk.items():
            yield self._found(plan.tree, found) if isinstance(found, str) else _storable(found)

    def count(self) -> int | None:
        """Return how many files there are to read, without those that the walk leaves out."""
        plan = self._plan()
        if plan.file is not None:
            return 1
        return sum(isinstance(found, str) for found in plan.walk.items())

    def _plan(self) -> _Plan:
        if is_address(self.path):
            return self._remote(str(self.path))
        path = Path(self.path).expanduser()
        if path.is_dir():
            tree = Disk(path.absolute())
            return _Plan(tree, Walk(tree, self.include, self.exclude))
        if path.exists():
            tree = Disk(path.absolute().parent)
            return _Plan(tree, Walk(tree), path.name)
        glob = split_glob(path)
        if glob is None or not glob[0].is_dir():
            raise missing(path)
        tree = Disk(glob[0])
        return _Plan(tree, Walk.of_glob(tree, glob[1], self.exclude))

    def _remote(self, address: str) -> _Plan:
        if address.startswith(_FILE):
            return replace(self, path=url2pathname(urlsplit(address).path))._plan()
        remote, file = open_remote(address)
        return _Plan(remote, Walk(remote, self.include, self.exclude), file)

    def _named(self, tree: Tree, name: str) -> Document | Failure:
        """Return the document of a file that is named by itself."""
        try:
            document = self._document(tree, name)
        except MissingDependencyError:
            raise
        except UnsupportedFormatError as error:
            raise _unsupported(self.path) from error
        except EmbedDBError as error:
            return _failure(name, error)
        except OSError as error:
            return unreadable(_id(name), error, document=True)
        return document or _failure(name, EmptyDocumentError("the file has no text"))

    def _found(self, tree: Tree, name: str) -> SourceItem:
        """Return what a file of a folder is."""
        reason = skip_reason(name)
        if reason is not None:
            return Skipped(id=_id(name), reason=reason)
        try:
            document = self._document(tree, name)
        except UnsupportedFormatError as error:
            return Skipped(id=_id(name), reason=str(error))
        except EmbedDBError as error:
            return _failure(name, error)
        except OSError as error:
            return unreadable(_id(name), error, document=True)
        return document or Skipped(id=_id(name), reason="empty")

    def _document(self, tree: Tree, name: str) -> Document | None:
        """Return the document of a file, or None where it has no text.

        Raises:
            UnsupportedFormatError: no parser reads it; the message is the reason to skip it.
        """
        data = tree.read(name, MAX_FILE_BYTES)
        media_type = recognize(name, data, self.encoding)
        if data and media_type in NO_PARSER:
            raise UnsupportedFormatError(NO_PARSER[media_type])
        parsed = parse(data, media_type, self.encoding) if data else Parsed("")
        if not parsed.text.strip():
            return None
        id = _id(name)
        return Document(
            id=id,
            content=parsed.text,
            metadata={"path": id, **parsed.about()},
            uri=tree.uri(name),
            media_type=media_type,
        )


def _check_readable(path: Path, name: str, encoding: str) -> None:
    """Check that a file is one that a parser may read, without reading all of it.

    Raises:
        SourceError: it cannot be opened, or is no file.
        UnsupportedFormatError: no parser reads it.
    """
    if not path.is_file():
        raise SourceError(f"{path} is not a regular file: name a file, a folder or a glob.")
    try:
        with path.open("rb") as file:
            head = file.read(SNIFFED_BYTES)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error}.") from error
    if head and not head.startswith(ZIP_START) and recognize(name, head, encoding) in NO_PARSER:
        raise _unsupported(path)


def _unsupported(path: object) -> UnsupportedFormatError:
    return UnsupportedFormatError(
        f"{path} is a binary file of unknown kind: convert it to text, Markdown, HTML, PDF or DOCX."
    )


def _id(name: str) -> str:
    r"""Return an id for a path: bytes that are not UTF-8 are written as `\xe4`."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _storable(found: Skipped | Failure) -> Skipped | Failure:
    return replace(found, id=_id(found.id))


def _failure(name: str, error: EmbedDBError) -> Failure:
    return Failure(id=_id(name), error=type(error).__name__, message=str(error), document=True)
