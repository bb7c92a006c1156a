"""Ids as callers give them: text, whole numbers and UUIDs, one or several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias
from uuid import UUID

import numpy as np

from embeddb.errors import ConfigurationError, InvalidDocumentError
from embeddb.pipeline.ingest.validation import utf8
from embeddb.sources.rows import to_id

Id: TypeAlias = str | int | UUID
"""The id of a document; what is no text is written out, as when the document was added."""


def one_id(value: object) -> str:
    """Return an id as the database has it.

    Raises:
        ConfigurationError: it is of another type.
    """
    if isinstance(value, str):
        return value
    try:
        return to_id(value)
    except InvalidDocumentError as error:
        raise ConfigurationError(
            f"An id is text, a whole number or a UUID, not {value!r} of type "
            f"{type(value).__name__}."
        ) from error


def some_ids(ids: object) -> list[str]:
    """Return the ids that are asked for, one or several; without those that no document can have.

    Raises:
        ConfigurationError: one is of another type.
    """
    given: Iterable[object] = [ids]
    if isinstance(ids, Iterable) and not isinstance(ids, str | bytes | np.generic):
        given = ids
    return [id for id in map(one_id, given) if utf8(id) is not None]
