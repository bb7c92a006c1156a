"""The checks that a document passes before it is written; each error names it and the remedy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import orjson

from embeddb.errors import (
    DocumentTooLargeError,
    EmptyDocumentError,
    InvalidDocumentError,
    InvalidMetadataError,
    InvalidTextError,
)
from embeddb.records import Document

MAX_DOCUMENT_CHARACTERS = 64 * 1024 * 1024
"""A document's chunks are written in one transaction, so they are all in memory at once."""

MAX_ID_BYTES = 2_600
"""An id is in B-trees, alone and beside the number of a chunk, and these take 2,704 bytes."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_EMPTY_OBJECT = b"{}"

# Larger integers are none of orjson's; jsonb takes them.
_ORJSON_BITS = 63


def id_data(document: Document) -> bytes:
    """Return the id of a document in UTF-8.

    Raises:
        InvalidDocumentError: the id is not a string, or empty, or too long.
        InvalidTextError: Postgres cannot store it.
    """
    id = document.id
    if not isinstance(id, str):
        raise InvalidDocumentError(
            f"The id {id!r} is of type {type(id).__name__}; ids are strings."
        )
    if not id:
        raise InvalidDocumentError("A document has an empty id; give each an id of its own.")
    data = utf8(id)
    if data is None:
        raise InvalidTextError(
            f"The id {id!r} holds a NUL character or a lone surrogate, which Postgres cannot "
            "store; give the document another id."
        )
    if len(data) > MAX_ID_BYTES:
        raise InvalidDocumentError(
            f"The id {id[:60] + '…'!r} has {len(data):,} bytes, and the limit is {MAX_ID_BYTES:,}: "
            "use a shorter one, such as a digest of it, and keep the long one in the metadata."
        )
    return data


def utf8(text: str) -> bytes | None:
    """Return a text in UTF-8, or None where Postgres cannot store it: NUL, or a lone surrogate."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return None
    return None if b"\0" in data else data


def repair(text: str) -> str:
    """Return a text with U+FFFD for what Postgres cannot store: NUL and lone surrogates."""
    text = text.replace("\0", REPLACEMENT)
    return "".join(REPLACEMENT if "\ud800" <= char <= "\udfff" else char for char in text)


def broken_title(metadata: object) -> str | None:
    """Return the title in a document's metadata if Postgres cannot store it, else None.

    Titles are found in files rather than given, so they are repaired as texts are.
    """
    title = metadata.get("title") if isinstance(metadata, Mapping) else None
    return title if isinstance(title, str) and utf8(title) is None else None


def check_fields(document: Document) -> None:
    """Check the fields of a document that are short texts.

    Raises:
        InvalidDocumentError: the URI or the media type is no string.
        InvalidTextError: Postgres cannot store the media type.
    """
    for field, value in (("uri", document.uri), ("media_type", document.media_type)):
        if value is not None and not isinstance(value, str):
            raise InvalidDocumentError(
                f"The {field} of {document.id!r} is of type {type(value).__name__}, not a string."
            )
    media_type = document.media_type
    if media_type is not None and utf8(media_type) is None:
        raise InvalidTextError(
            f"The media type {media_type!r} of {document.id!r} holds a NUL character or a lone "
            "surrogate, which Postgres cannot store: correct it, or leave it out."
        )


def check_content(document: Document, *, has_model: bool) -> None:
    """Check that a document holds something to encode, and not too much.

    Raises:
        EmptyDocumentError: there is no text, or no embedding where the caller brings vectors.
        DocumentTooLargeError: the text has more than 64 Mi characters.
        InvalidDocumentError: the content is no string, or the embedding is not wanted.
    """
    content = document.content
    if content is not None and not isinstance(content, str):
        kind = type(content).__name__
        raise InvalidDocumentError(
            f"The content of {document.id!r} is of type {kind}, not a string."
        )
    if content is not None and len(content) > MAX_DOCUMENT_CHARACTERS:
        raise DocumentTooLargeError(
            f"Document {document.id!r} has {len(content):,} characters; "
            f"the limit is {MAX_DOCUMENT_CHARACTERS:,}: split it into several documents."
        )
    if has_model and (content is None or not content.strip()):
        raise EmptyDocumentError(f"Document {document.id!r} has no text to encode.")
    if not has_model and document.embedding is None:
        raise EmptyDocumentError(
            f"Document {document.id!r} has no embedding, and the collection has no model that "
            'could make one: pass "embedding", or create the collection with a model.'
        )
    if has_model and document.embedding is not None:
        raise InvalidDocumentError(
            f"Document {document.id!r} brings an embedding, but the collection encodes with its "
            "own model: leave it out, or create the collection with model=None."
        )


def check_encodable(document: Document, metadata: bytes, encoding: str, codec: str) -> None:
    """Check that a database that is not in UTF-8 has every character of a document.

    Args:
        document: the document.
        metadata: its metadata as JSON.
        encoding: that of the database, as Postgres calls it.
        codec: Python's for it.

    Raises:
        InvalidTextError: it does not have one.
    """
    fields = {
        "id": document.id,
        "content": document.content,
        "metadata": metadata.decode(),
        "uri": document.uri,
        "media_type": document.media_type,
    }
    for name, text in fields.items():
        try:
            (text or "").encode(codec)
        except UnicodeEncodeError as error:
            character = error.object[error.start]
            raise InvalidTextError(
                f"The {name} of {document.id!r} holds {character!r}, which the encoding of the "
                f"database, {encoding}, does not have: leave it out, or use a database in UTF8."
            ) from error


def metadata_json(document: Document) -> bytes:
    """Return the metadata of a document as JSON in UTF-8.

    Raises:
        InvalidMetadataError: the metadata is no object, or jsonb cannot hold it.
    """
    id, metadata = document.id, document.metadata
    if not metadata and isinstance(metadata, Mapping):
        return _EMPTY_OBJECT
    if not isinstance(metadata, Mapping):
        raise InvalidMetadataError(
            f"The metadata of {id!r} is of type {type(metadata).__name__}; it must be a "
            "JSON object such as {'year': 2020}."
        )
    try:
        data = _dumped(metadata if isinstance(metadata, dict) else dict(metadata))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidMetadataError(
            f"The metadata of {id!r} is not JSON: {error}. Use strings, finite numbers, "
            "booleans, None, lists, objects with string keys, dates or UUIDs."
        ) from error
    # orjson writes NaN as null without a word, and jsonb refuses NUL
    if b"null" in data and any(True for _ in _leaves(metadata, _not_finite)):
        raise InvalidMetadataError(
            f"The metadata of {id!r} holds NaN or an infinite number, which JSON cannot store: "
            "leave it out, or use None."
        )
    if b"\\u0000" in data and any(True for _ in _leaves(metadata, _holds_nul)):
        raise InvalidMetadataError(
            f"The metadata of {id!r} holds a NUL character, which jsonb cannot store: leave it out."
        )
    return data


def _dumped(metadata: dict[str, Any]) -> bytes:
    """Return metadata as JSON; integers of any size and decimals are written out in full."""
    try:
        return orjson.dumps(metadata)
    except TypeError:
        return orjson.dumps(_with_numbers_written(metadata))


def _with_numbers_written(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {name: _with_numbers_written(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_numbers_written(item) for item in value]
    is_long = isinstance(value, int) and value.bit_length() > _ORJSON_BITS
    if is_long or (isinstance(value, Decimal) and value.is_finite()):
        return orjson.Fragment(str(value))
    return value


def _not_finite(leaf: object) -> bool:
    return isinstance(leaf, float) and not math.isfinite(leaf)


def _holds_nul(leaf: object) -> bool:
    return isinstance(leaf, str) and "\0" in leaf


def _leaves(value: object, wanted: Callable[[object], bool]) -> Iterator[object]:
    """Yield the keys and values that are wanted, at any depth."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(key, wanted)
            yield from _leaves(item, wanted)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item, wanted)
    elif wanted(value):
        yield value
