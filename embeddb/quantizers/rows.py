"""Vectors as the quantizers take them: checked, in float32, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embeddb.errors import DimensionMismatchError, InvalidVectorError
from embeddb.records import Vector

BLOCK_NUMBERS = 4_000_000
"""Numbers in the largest array that a block of rows leads to: 16 MB in float32, so that the few
such arrays alive at once stay far below 200 MB whatever the number of rows."""


def blocks(rows: int, width: int) -> Iterator[slice]:
    """Yield slices of rows that each lead to `width` numbers, so that a block fits in memory."""
    size = max(BLOCK_NUMBERS // max(width, 1), 1)
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def checked(vectors: Vector, dim: int | None = None) -> Vector:
    """Return rows of shape (n, dim) as float32; every number is finite.

    Raises:
        DimensionMismatchError: the rows have another dimension.
        InvalidVectorError: there is not one row for each vector, or a number is not finite.
    """
    rows = np.asarray(vectors, dtype=np.float32)
    require_shape(rows.shape, dim)
    if not np.isfinite(rows).all():
        raise InvalidVectorError("A vector holds a number that is not finite in float32.")
    return rows


def require_shape(shape: tuple[int, ...], dim: int | None = None) -> None:
    """Check that a shape is (n, dim).

    Raises:
        DimensionMismatchError: the rows have another dimension.
        InvalidVectorError: there is not one row for each vector.
    """
    if len(shape) != 2 or shape[1] == 0:
        raise InvalidVectorError(f"Vectors must have the shape (n, dim), not {shape}.")
    if dim is not None and shape[1] != dim:
        raise DimensionMismatchError(f"The vectors have {shape[1]} dimensions, not {dim}.")


def unit(rows: Vector) -> Vector:
    """Return rows, shape (n, dim), scaled to length 1; a zero row stays zero."""
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    scaled = rows / np.where(lengths > 0, lengths, 1.0)
    return np.asarray(scaled, dtype=np.float32)
