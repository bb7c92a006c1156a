"""From a row of named values to a document, for every source of rows."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from embeddb.db.json_values import jsonable
from embeddb.errors import (
    DocumentError,
    EmptyDocumentError,
    InvalidDocumentError,
    InvalidMetadataError,
    InvalidVectorError,
    SourceError,
)
from embeddb.records import Document, Failure, Vector, as_array


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Which column of a row holds what.

    Attributes:
        metadata: the column that holds a JSON object, or the columns to collect into one;
            None takes the column `metadata` if there is one, else all remaining columns.
    """

    id: str = "id"
    content: str = "content"
    metadata: str | Sequence[str] | None = None
    embedding: str = "embedding"
    uri: str = "uri"
    media_type: str = "media_type"
    _own: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own = frozenset((self.id, self.content, self.embedding, self.uri, self.media_type))
        object.__setattr__(self, "_own", own)

    def check(self, available: Collection[str], where: str) -> None:
        """Check that the columns are there, and each once; the error names those that are.

        Raises:
            SourceError: the id, a metadata column that was named, or both text and vector are
                missing, or a column that is wanted is there more than once.
        """
        listed = ", ".join(sorted(map(str, available))) or "none"
        named = (self.metadata,) if isinstance(self.metadata, str) else (self.metadata or ())
        for option, column in (("id", self.id), *(("metadata", name) for name in named)):
            if column not in available:
                raise SourceError(
                    f"{where} has no column {column!r}: name the right one with {option}=…; "
                    f"the columns are {listed}."
                )
        if self.content not in available and self.embedding not in available:
            raise SourceError(
                f"{where} has neither a column {self.content!r} nor {self.embedding!r}: name "
                f"one with content=… or embedding=…; the columns are {listed}."
            )
        if repeated := self._repeated(available):
            raise SourceError(
                f"{where} has more than one column {', '.join(map(repr, repeated))}: give each a "
                "name of its own, or choose the others with metadata=[…]."
            )

    def are_in(self, available: Collection[str]) -> bool:
        """Return whether there is an id, and a text or a vector."""
        return self.id in available and (self.content in available or self.embedding in available)

    def collected(self, available: Iterable[str]) -> list[str]:
        """Return the columns that become a field of the metadata each."""
        if isinstance(self.metadata, str) or (self.metadata is None and "metadata" in available):
            return []
        wanted = available if self.metadata is None else self.metadata
        return [name for name in wanted if name not in self._own]

    def _repeated(self, available: Collection[str]) -> list[str]:
        if len(set(available)) == len(available):
            return []
        named = self.metadata if isinstance(self.metadata, str) else "metadata"
        used = {*self._own, named, *self.collected(available)}
        return sorted(name for name, n in Counter(available).items() if n > 1 and name in used)

    def document(self, row: Mapping[str, Any], where: str) -> Document | Failure:
        """Return the document of a row, or a Failure that names the row's place, `where`."""
        try:
            return self._document(row)
        except DocumentError as error:
            return self.failure(row, where, error)

    def failure(self, row: Mapping[str, Any], where: str, error: DocumentError) -> Failure:
        """Return the failure of a row, by its id where it has one, else by its place, `where`."""
        try:
            name, message, named = to_id(row.get(self.id)), f"{where}: {error}", True
        except DocumentError:
            name, message, named = where, str(error), False
        return Failure(id=name, error=type(error).__name__, message=message, document=named)

    def _document(self, row: Mapping[str, Any]) -> Document:
        name = to_id(row.get(self.id))
        content = to_text(row.get(self.content), self.content)
        embedding = to_vector(row.get(self.embedding))
        if content is None and embedding is None:
            raise EmptyDocumentError(f"neither {self.content!r} nor {self.embedding!r} has a value")
        return Document(
            id=name,
            content=content,
            metadata=self._metadata(row),
            uri=to_text(row.get(self.uri), self.uri),
            media_type=to_text(row.get(self.media_type), self.media_type),
            embedding=embedding,
        )

    def _metadata(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        if isinstance(self.metadata, str):
            return to_metadata(row.get(self.metadata))
        if self.metadata is not None:
            return _jsonable({name: row.get(name) for name in self.metadata})
        if "metadata" in row:
            return to_metadata(row["metadata"])
        return _jsonable(row, without=self._own)


def to_id(value: object) -> str:
    """Return an id as text; whole numbers and UUIDs are written out.

    Raises:
        InvalidDocumentError: there is none, or it is of another type.
    """
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int | np.integer | UUID) and not isinstance(value, bool):
        try:
            return str(value)
        except ValueError as error:  # Python writes out no more than 4,300 digits
            raise InvalidDocumentError("the id is a number of too many digits") from error
    if value is None or value == "":
        raise InvalidDocumentError("the id is missing")
    raise InvalidDocumentError(f"the id is of type {type(value).__name__}: it must be text")


def to_text(value: object, name: str) -> str | None:
    """Return a text or None.

    Raises:
        InvalidDocumentError: the value is of another type.
    """
    if value is None or isinstance(value, str):
        return value
    raise InvalidDocumentError(f"{name!r} is of type {type(value).__name__}: it must be text")


def to_metadata(value: object) -> Mapping[str, Any]:
    """Return the JSON object of a mapping or of JSON text; nothing is an empty one.

    Raises:
        InvalidMetadataError: the text is no JSON, or the value no object.
    """
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InvalidMetadataError(f"the metadata is not JSON: {error}") from error
    if not isinstance(value, Mapping):
        raise InvalidMetadataError(
            f"the metadata is of type {type(value).__name__}: it must be a JSON object"
        )
    return _jsonable(value)


def _jsonable(fields: Mapping[Any, Any], without: Collection[str] = ()) -> dict[str, Any]:
    """Return fields as JSON has them, `without` some.

    Raises:
        InvalidMetadataError: JSON has no such value; the field is named.
    """
    made = {}
    try:
        for name, value in fields.items():
            if name not in without:
                made[str(name)] = jsonable(value)
    except InvalidMetadataError as error:
        raise InvalidMetadataError(f"{name!r} holds {error}") from None
    return made


def to_vector(value: Any) -> Vector | None:  # noqa: ANN401
    """Return a float32 array, shape (dim,), of numbers or their JSON text; None stays None.

    NaN and infinity are let through: they are refused where all vectors are checked.

    Raises:
        InvalidVectorError: the value is no flat list of numbers.
    """
    if value is None or (isinstance(value, str) and not value):
        return None
    try:
        numbers = _numbers(json.loads(value) if isinstance(value, str) else value)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidVectorError(f"the embedding is not a flat list of numbers: {error}") from error
    if not isinstance(value, list) and numbers.ndim == 2 and len(numbers) == 1:
        numbers = numbers[0]  # what a model returns for one text
    if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "fiu":
        raise InvalidVectorError("the embedding is not a flat list of numbers")
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32, copy=False)


def _numbers(value: Any) -> NDArray[Any]:  # noqa: ANN401
    if isinstance(value, list):
        # Half the time of np.asarray, which would also take None for NaN.
        return np.array(array("d", value), copy=False)
    if hasattr(value, "to_numpy"):  # pgvector's own types
        value = value.to_numpy()
    return np.asarray(as_array(value))
