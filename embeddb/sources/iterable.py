"""Documents that the program already has: any Python iterable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from embeddb.errors import InvalidDocumentError, SourceError
from embeddb.records import Document, Failure, Skipped, SourceItem
from embeddb.sources.rows import Columns, to_id

# 128 bits: no two of even 10^15 texts will share an id by accident.
ID_BYTES = 16

_KEYS = frozenset({"id", "content", "metadata", "uri", "media_type", "embedding"})
_COLUMNS = Columns(metadata="metadata")


@dataclass(frozen=True, slots=True)
class Records:
    """Documents, dicts, texts or (id, text) pairs, read once, while they are iterated over.

    A dict has the keys id, content, metadata, uri, media_type and embedding; a text alone
    gets a digest of itself as its id.

    Raises:
        SourceError: the iterable itself raised; its error is the cause.
    """

    items: Iterable[Any]

    def documents(self) -> Iterator[SourceItem]:
        """Yield each document, or a Failure that names its position, counted from 1."""
        try:
            for number, item in enumerate(self.items, start=1):
                yield _document(item, f"record {number}")
        except SourceError:
            raise
        except Exception as error:
            raise SourceError(
                f"The iterable of documents failed: {type(error).__name__}: {error}."
            ) from error

    def count(self) -> int | None:
        """Return how many there are, or None where the iterable has no length."""
        return len(self.items) if isinstance(self.items, Sized) else None


def _document(item: object, where: str) -> SourceItem:
    if isinstance(item, Document):
        return _with_text_id(item, where)
    if isinstance(item, Failure | Skipped):
        return item
    if isinstance(item, str):
        return Document(id=text_id(item), content=item)
    if isinstance(item, tuple) and len(item) == 2:
        return _COLUMNS.document({"id": item[0], "content": item[1]}, where)
    if not isinstance(item, Mapping):
        return _invalid(where, f"a {type(item).__name__} is not a document")
    if unknown := sorted(str(key) for key in item if key not in _KEYS):
        known = ", ".join(sorted(_KEYS))
        return _invalid(where, f"unknown keys {', '.join(unknown)}: the keys are {known}")
    return _COLUMNS.document(item, where)


def _with_text_id(document: Document, where: str) -> SourceItem:
    if isinstance(document.id, str):
        return document
    try:
        return replace(document, id=to_id(document.id))
    except InvalidDocumentError as error:
        return _invalid(where, str(error))


def _invalid(where: str, message: str) -> Failure:
    return Failure(id=where, error=InvalidDocumentError.__name__, message=message)


def text_id(text: str) -> str:
    """Return an id for a text that has none: a digest of it, as 32 hexadecimal digits."""
    return blake2b(text.encode(errors="surrogatepass"), digest_size=ID_BYTES).hexdigest()
