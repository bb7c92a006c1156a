"""Parquet files, read by row group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from embeddb.errors import InvalidDocumentError, SourceError
from embeddb.records import Document, Failure
from embeddb.sources.arrow_values import UNREADABLE, python_value
from embeddb.sources.extras import needs_documents_extra
from embeddb.sources.paths import require_file
from embeddb.sources.rows import Columns

# Rows that are in memory as Python values at once.
BATCH_ROWS = 1_024

# Where a row keeps what is wrong with it: no name of a column.
_PROBLEM = "\0problem"


@dataclass(frozen=True)
class Parquet:
    """A Parquet file.

    `metadata` names the column of a JSON object, or the columns to collect; None takes the column
    `metadata` if there is one, else all remaining columns.

    Raises:
        SourceError: there is no such file, it is damaged, or it lacks the named columns.
        MissingDependencyError: the `documents` extra is not installed.
    """

    path: str | PathLike[str]
    id: str = "id"
    content: str = "content"
    metadata: str | Sequence[str] | None = None
    embedding: str = "embedding"

    def __post_init__(self) -> None:
        require_file(self.path)

    def documents(self) -> Iterator[Document | Failure]:
        """Yield each row's document, or a Failure that names the row, counted from 1."""
        columns = Columns(
            id=self.id, content=self.content, metadata=self.metadata, embedding=self.embedding
        )
        file = self._open()
        try:
            columns.check(file.schema_arrow.names, str(self.path))
            for number, row in enumerate(self._rows(file), start=1):
                where = f"row {number}"
                if (problem := row.pop(_PROBLEM, None)) is None:
                    yield columns.document(row, where)
                else:
                    yield columns.failure(row, where, problem)
        finally:
            file.close()

    def count(self) -> int | None:
        """Return how many rows the file says it has."""
        with self._open() as file:
            return int(file.metadata.num_rows)

    def _open(self) -> Any:  # noqa: ANN401
        with needs_documents_extra("Parquet files"):
            import pyarrow
            from pyarrow import parquet
        try:
            return parquet.ParquetFile(require_file(self.path))
        except (pyarrow.ArrowException, OSError) as error:
            raise SourceError(f"{self.path} is not a Parquet file: {error}.") from error

    def _rows(self, file: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
        import pyarrow

        try:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield from _batch_rows(batch, self.embedding)
        except (pyarrow.ArrowException, OSError) as error:
            raise SourceError(f"{self.path} cannot be read: {error}.") from error


def _batch_rows(batch: Any, embedding: str) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """Yield rows; vectors stay arrays, as lists would take ten times the memory."""
    names = batch.schema.names
    if embedding not in names or not _is_list(batch.column(embedding).type):
        yield from _python_rows(batch)
        return
    rows = _python_rows(batch.select([name for name in names if name != embedding]))
    for row, vector in zip(rows, batch.column(embedding), strict=True):
        values = vector.values.to_numpy(zero_copy_only=False) if vector.is_valid else None
        yield {**row, embedding: values}


def _python_rows(batch: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return rows of Python values; one with a value that cannot be read holds its problem."""
    try:
        return list(batch.to_pylist())
    except UNREADABLE:
        return [_slow_row(batch, number) for number in range(batch.num_rows)]


def _slow_row(batch: Any, number: int) -> dict[str, Any]:  # noqa: ANN401
    row: dict[str, Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            row[name] = python_value(column[number])
        except UNREADABLE as error:
            row[_PROBLEM] = InvalidDocumentError(f"{name!r} cannot be read: {error}")
    return row


def _is_list(kind: Any) -> bool:  # noqa: ANN401
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
