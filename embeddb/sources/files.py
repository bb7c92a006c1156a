"""A file, the files below a folder, or those that a glob matches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from embeddb.errors import (
    DocumentTooLargeError,
    EmbedDBError,
    EmptyDocumentError,
    MissingDependencyError,
    SourceError,
    UnreadableDocumentError,
    UnsupportedFormatError,
)
from embeddb.records import Document, Failure
from embeddb.sources.formats import PLAIN_TEXT, media_type_of
from embeddb.sources.parsers import Parsed, parse
from embeddb.sources.paths import glob_depth, missing, split_glob
from embeddb.sources.text_files import SNIFFED_BYTES, looks_binary
from embeddb.sources.walk import Walk

# A file is parsed in memory, and what it becomes there can be ten times as large.
MAX_FILE_BYTES = 128 * 1024 * 1024


class _Plan(NamedTuple):
    """The folder that ids are relative to, and the one file or the patterns below it."""

    root: Path
    file: Path | None
    include: Sequence[str]
    depth: int | None = None


@dataclass(frozen=True)
class Files:
    """Files as documents: text, Markdown, reStructuredText, HTML, PDF, DOCX and source code.

    In a folder, what .gitignore or .ignore leaves out is left out, and so are hidden files,
    empty files and binary files of unknown kinds. An id is the path below the folder.

    Attributes:
        path: a file, a folder, or a glob such as `docs/**/*.md`.
        include: patterns, as in .gitignore, of the files of a folder to read.
        exclude: patterns of files and folders to leave out.
        encoding: of text files without a byte order mark.

    Raises:
        SourceError: there is nothing at `path`.
        UnsupportedFormatError: `path` is one file, and of an unknown binary kind.
    """

    path: str | PathLike[str]
    include: Sequence[str] = ("**/*",)
    exclude: Sequence[str] = ()
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        file = self._plan().file
        try:
            unknown = file is not None and _media_type(file) is None
        except OSError as error:
            raise SourceError(f"{file} cannot be read: {error}.") from error
        if unknown:
            raise UnsupportedFormatError(
                f"{file} is a binary file of unknown kind: convert it to text, Markdown, "
                "HTML, PDF or DOCX."
            )

    def documents(self) -> Iterator[Document | Failure]:
        """Yield each file's document, or a Failure for a file that cannot be read.

        Raises:
            MissingDependencyError: `path` is one file whose parser is not installed; in a
                folder, such a file is a Failure.
        """
        plan = self._plan()
        if plan.file is not None:
            document = self._document(plan.file, plan.root, strict=True)
            yield document or _failure(plan.file.name, EmptyDocumentError("the file has no text"))
            return
        for path in self._walk(plan).files():
            document = self._document(path, plan.root)
            if document is not None:
                yield document

    def count(self) -> int | None:
        """Return how many files there are, with the empty and binary ones that are left out."""
        plan = self._plan()
        return 1 if plan.file is not None else sum(1 for _ in self._walk(plan).files())

    def _plan(self) -> _Plan:
        path = Path(self.path).expanduser()
        if path.is_dir():
            return _Plan(path.absolute(), None, self.include)
        if path.exists():
            return _Plan(path.absolute().parent, path.absolute(), ())
        glob = split_glob(path)
        if glob is None or not glob[0].is_dir():
            raise missing(path)
        root, pattern = glob
        return _Plan(root, None, ["/" + "/".join(pattern)], glob_depth(pattern))

    def _walk(self, plan: _Plan) -> Walk:
        return Walk(plan.root, plan.include, self.exclude, plan.depth)

    def _document(
        self, path: Path, root: Path, *, strict: bool = False
    ) -> Document | Failure | None:
        name = path.relative_to(root).as_posix()
        try:
            parsed = self._parsed(path)
        except MissingDependencyError as error:
            if strict:
                raise
            return _failure(name, error)
        except EmbedDBError as error:
            return _failure(name, error)
        except OSError as error:
            return _failure(name, UnreadableDocumentError(str(error)))
        if parsed is None or not parsed.text.strip():
            return None
        title = {} if parsed.title is None else {"title": parsed.title}
        return Document(
            id=name,
            content=parsed.text,
            metadata={"path": name, **title},
            uri=path.as_uri(),
            media_type=_media_type(path),
        )

    def _parsed(self, path: Path) -> Parsed | None:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise DocumentTooLargeError(
                f"the file has {size:,} bytes, more than {MAX_FILE_BYTES:,}: split it"
            )
        media_type = _media_type(path) if size else None
        return None if media_type is None else parse(path.read_bytes(), media_type, self.encoding)


def _media_type(path: Path) -> str | None:
    """Return the media type by the name, else that of text if it looks like text."""
    known = media_type_of(path)
    if known is not None:
        return known
    with path.open("rb") as file:
        return None if looks_binary(file.read(SNIFFED_BYTES)) else PLAIN_TEXT


def _failure(name: str, error: EmbedDBError) -> Failure:
    return Failure(id=name, error=type(error).__name__, message=str(error))
