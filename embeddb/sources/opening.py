"""From whatever a caller passes to a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from embeddb.errors import ConfigurationError, SourceError
from embeddb.protocols import Source
from embeddb.records import Document, Failure, Skipped
from embeddb.sources.byte_streams import without_compression
from embeddb.sources.csv import CSV
from embeddb.sources.files import Files
from embeddb.sources.iterable import Records
from embeddb.sources.jsonl import JSONLines
from embeddb.sources.parquet import Parquet
from embeddb.sources.paths import split_glob
from embeddb.sources.remote import is_address
from embeddb.sources.together import Together
from embeddb.sources.tree import Disk
from embeddb.sources.walk import Walk

SourceKind: TypeAlias = Callable[..., Source]
"""The class of a source, whose first parameter is a path."""

_BY_SUFFIX: dict[str, SourceKind] = {
    ".jsonl": JSONLines,
    ".ndjson": JSONLines,
    ".csv": CSV,
    ".tsv": CSV,
    ".parquet": Parquet,
}


def open_source(given: object) -> Source:
    """Return a source for a path, an iterable of documents, or a source itself.

    A path is read by its suffix: JSON Lines, CSV, TSV and Parquet files by row, and so is a glob
    that matches nothing but such files; any other file, folder or glob with Files.

    Raises:
        SourceError: there is nothing at the path.
        ConfigurationError: `given` holds no documents.
    """
    if isinstance(given, str | Path):
        return together([kind(path) for kind, path in at_path(given)], given)
    if isinstance(given, Source):
        return given
    if isinstance(given, Mapping | Document | bytes) or not isinstance(given, Iterable):
        raise ConfigurationError(
            f"An object of type {type(given).__name__} is not a source: give a path, a list of "
            "documents, or a source such as embeddb.sources.Query."
        )
    return Records(given)


def at_path(given: str | Path) -> list[tuple[SourceKind, str | Path]]:
    """Return what reads a path: a class, or one for each file of a glob of files of rows."""
    if not str(given):
        raise SourceError("A path is empty: name a file or a folder; `.` is the current one.")
    if is_address(given):
        return [(Files, given)]
    path = Path(given)
    found = path.expanduser()
    if found.is_dir():
        return [(Files, path)]
    glob = split_glob(found)
    if glob is not None and glob[0].is_dir():
        return list(_rows_of_glob(*glob)) or [(Files, path)]
    return [(_kind_of(found) or Files, path)]


def together(sources: list[Source], given: str | Path | None = None) -> Source:
    """Return sources as one; the files of rows of one glob are the source that it names."""
    if given is not None and not isinstance(sources[0], Files):
        path = Path(given)
        return sources[0] if split_glob(path.expanduser()) is None else Together(sources, path)
    return sources[0] if len(sources) == 1 else Together(sources)


def _kind_of(path: Path) -> SourceKind | None:
    """Return what reads a file by row, or None for a file that is not one of rows."""
    suffix = Path(without_compression(path)).suffix
    kind = _BY_SUFFIX.get(suffix)
    return None if kind is Parquet and suffix != path.suffix.lower() else kind


def _rows_of_glob(root: Path, pattern: Sequence[str]) -> Iterator[tuple[SourceKind, Path]]:
    """Yield the files of rows that a glob matches; nothing if there is anything else, too."""
    found = []
    for item in Walk.of_glob(Disk(root), pattern).items():
        if isinstance(item, Skipped):
            continue
        kind = None if isinstance(item, Failure) else _kind_of(root / item)
        if isinstance(item, Failure) or kind is None:
            return
        found.append((kind, root / item))
    yield from found
