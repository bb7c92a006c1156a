"""The checks that every encoder makes of its model's vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from embeddb.errors import EncodingError
from embeddb.records import Vector, as_array


class PartlyEncodedError(EncodingError):
    """Some texts of a batch could not be encoded; the others' vectors are kept.

    Attributes:
        vectors: shape (n, dim); NaN in the rows of the texts that failed.
        errors: the error of each failed text, by its row.
    """

    def __init__(self, vectors: Vector, errors: dict[int, EncodingError]) -> None:
        super().__init__(str(errors[min(errors)]))
        self.vectors = vectors
        self.errors = errors


def check_vectors(  # what a model returned has any type
    values: Any,  # noqa: ANN401
    count: int,
    dim: int | None,
    name: str,
    *,
    unit: bool = False,
) -> Vector:
    """Return vectors as contiguous float32, shape (count, dim).

    Args:
        values: what the model returned.
        count: how many inputs it was given.
        dim: how many dimensions to expect; None takes any number above zero.
        name: the model's name, for the message.
        unit: whether to scale the vectors to length 1.

    Raises:
        EncodingError: the values have another shape, or are no numbers.
        PartlyEncodedError: some rows are NaN or infinite; the others are good.
    """
    try:
        vectors = np.ascontiguousarray(as_array(values), dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise EncodingError(f"{name} did not return an array of numbers: {error}") from error
    if vectors.ndim != 2 or len(vectors) != count or not vectors.shape[1]:
        raise EncodingError(f"{name} returned an array of shape {vectors.shape} for {count} texts")
    if dim is not None and vectors.shape[1] != dim:
        raise EncodingError(f"{name} returned vectors of {vectors.shape[1]} dims, not {dim}")
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if broken.size:
        vectors = vectors.copy()  # what a function returned may not be written to
        vectors[broken] = np.nan
    if unit:
        vectors = unit_length(vectors)
    if broken.size:
        said = f"{name} returned NaN or infinite values for text"
        raise PartlyEncodedError(
            vectors, {int(row): EncodingError(f"{said} {row}") for row in broken}
        )
    return vectors


def unit_length(vectors: Vector) -> Vector:
    """Return vectors, shape (n, dim), scaled to length 1; a zero vector stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    norms[norms == 0] = 1
    scaled: Vector = np.divide(vectors, norms, dtype=np.float32)
    return scaled
