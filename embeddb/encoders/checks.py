"""The checks that every encoder makes of its model's vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from embeddb.errors import EncodingError
from embeddb.records import Vector


def check_vectors(values: ArrayLike, count: int, dim: int | None, name: str) -> Vector:
    """Return vectors as contiguous float32, shape (count, dim).

    Args:
        values: what the model returned.
        count: how many inputs it was given.
        dim: how many dimensions to expect; None takes any number above zero.
        name: the model's name, for the message.

    Raises:
        EncodingError: the values have another shape, are no numbers, or are NaN or infinite.
    """
    try:
        vectors = np.ascontiguousarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise EncodingError(f"{name} did not return an array of numbers: {error}") from error
    if vectors.ndim != 2 or len(vectors) != count or not vectors.shape[1]:
        raise EncodingError(f"{name} returned an array of shape {vectors.shape} for {count} texts")
    if dim is not None and vectors.shape[1] != dim:
        raise EncodingError(f"{name} returned vectors of {vectors.shape[1]} dims, not {dim}")
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if broken.size:
        raise EncodingError(f"{name} returned NaN or infinite values for text {broken[0]}")
    return vectors


def unit_length(vectors: Vector) -> Vector:
    """Return vectors, shape (n, dim), scaled to length 1; a zero vector stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    norms[norms == 0] = 1
    scaled: Vector = np.divide(vectors, norms, dtype=np.float32)
    return scaled
