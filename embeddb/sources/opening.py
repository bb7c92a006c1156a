"""From whatever a caller passes to a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from embeddb.errors import ConfigurationError
from embeddb.protocols import Source
from embeddb.records import Document
from embeddb.sources.csv import CSV
from embeddb.sources.files import Files
from embeddb.sources.iterable import Records
from embeddb.sources.jsonl import JSONLines
from embeddb.sources.parquet import Parquet

_BY_SUFFIX: dict[str, Callable[[Path], Source]] = {
    ".jsonl": JSONLines,
    ".ndjson": JSONLines,
    ".jsonl.gz": JSONLines,
    ".ndjson.gz": JSONLines,
    ".csv": CSV,
    ".tsv": CSV,
    ".parquet": Parquet,
}


def open_source(given: object) -> Source:
    """Return a source for a path, an iterable of documents, or a source itself.

    A path is read by its suffix: JSON Lines, CSV, TSV and Parquet files by row, any other
    file, folder or glob with Files.

    Raises:
        SourceError: there is nothing at the path.
        ConfigurationError: `given` holds no documents.
    """
    if isinstance(given, str | Path):
        return _open_path(Path(given))
    if isinstance(given, Source):
        return given
    if isinstance(given, Mapping | Document | bytes) or not isinstance(given, Iterable):
        raise ConfigurationError(
            f"An object of type {type(given).__name__} is not a source: give a path, a list of "
            "documents, or a source such as embeddb.sources.Query."
        )
    return Records(given)


def _open_path(path: Path) -> Source:
    if not path.expanduser().is_dir():
        name = path.name.lower()
        for suffix, source in _BY_SUFFIX.items():
            if name.endswith(suffix) and not any(mark in str(path) for mark in "*?["):
                return source(path)
    return Files(path)
