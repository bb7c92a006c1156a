"""The checks that a vector passes before it is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

import numpy as np

from embeddb.errors import DimensionMismatchError, DocumentError, InvalidVectorError
from embeddb.records import Vector, as_array
from embeddb.schema.catalog import Generation
from embeddb.schema.distances import Distance


def check_rows(
    vectors: Vector, generation: Generation, label: Callable[[int], str]
) -> tuple[Vector, dict[int, DocumentError]]:
    """Check rows of shape (n, dim), and normalize them where the generation does.

    Returns:
        The rows, and the error of each row that no storage could take.
    """
    problems: dict[int, DocumentError] = {}
    squares = np.einsum("ij,ij->i", vectors, vectors)
    needs_length = generation.distance is Distance.COSINE or generation.normalize
    finite = np.isfinite(squares)
    for row in map(int, np.flatnonzero(~finite)):
        problems[row] = InvalidVectorError(
            f"{label(row)} holds NaN, an infinite value, or values too large for float32 "
            "arithmetic; pgvector stores finite numbers only."
        )
    if needs_length:
        for row in map(int, np.flatnonzero(squares == 0)):
            problems[row] = InvalidVectorError(
                f"{label(row)} is zero (or too small): it has no direction, and under cosine "
                "distance an index would never find it."
            )
    if generation.normalize:
        with np.errstate(all="ignore"):  # the rows that this harms are refused already
            vectors = np.asarray(vectors / np.sqrt(squares)[:, np.newaxis], dtype=np.float32)
    return vectors, problems


def as_row(value: object, dim: int, label: str) -> Vector:
    """Return one vector as float32, shape (dim,), from an array, a list or a tensor.

    An array of shape (1, dim), as a model returns it for one text, is that vector.

    Raises:
        InvalidVectorError: the value is not an array of numbers.
        DimensionMismatchError: it has another length.
    """
    if _is_float32(value) and value.shape == (dim,):
        return value  # what nearly every row is
    plain = as_array(value)
    row = _as_float32(plain, label)
    if isinstance(plain, np.ndarray) and row.ndim == 2 and len(row) == 1:
        row = row[0]
    if row.ndim != 1:
        raise InvalidVectorError(f"{label} has shape {row.shape}, not ({dim},): pass one vector.")
    if len(row) != dim:
        raise DimensionMismatchError(
            f"{label} has {len(row)} dimensions; the collection stores {dim}."
        )
    return row


def _is_float32(value: object) -> TypeGuard[Vector]:
    return isinstance(value, np.ndarray) and value.dtype == np.float32


def _as_float32(value: object, label: str) -> Vector:
    try:
        with np.errstate(over="ignore"):  # infinity is refused where all vectors are checked
            return np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidVectorError(f"{label} is not an array of numbers: {error}.") from error
