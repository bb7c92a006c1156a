"""The three kinds of step of a fitted transform, each simple enough for numpy and Postgres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np

from embeddb.errors import TransformError
from embeddb.records import Vector

Activation: TypeAlias = Literal["none", "tanh", "relu"]

ACTIVATIONS: tuple[str, ...] = get_args(Activation)

# Rounding to float32 leaves the products of a rotation's rows within about 1e-6 of 0 and 1.
_ORTHOGONAL_TOLERANCE = 1e-4

_ACTIVATE: dict[str, Callable[[Vector], Vector]] = {
    "none": lambda vectors: vectors,
    "tanh": lambda vectors: np.tanh(vectors, out=vectors),
    "relu": lambda vectors: np.maximum(vectors, np.float32(0), out=vectors),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Affine:
    """Maps a row `x` to `activation(weights @ x + bias)`.

    Attributes:
        weights: float32, shape (out, in); read-only.
        bias: float32, shape (out,); read-only.

    Raises:
        TransformError: the shapes do not fit together, a number is not finite, or the
            activation is unknown.
    """

    weights: Vector
    bias: Vector
    activation: Activation = "none"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _frozen(self.weights))
        object.__setattr__(self, "bias", _frozen(self.bias))
        _require_matching(self.weights, self.bias)
        if self.activation not in ACTIVATIONS:
            raise TransformError(
                f"Unknown activation {self.activation!r}: choose one of {', '.join(ACTIVATIONS)}."
            )

    def output_dim(self, input_dim: int) -> int:
        """Return the dimensions that come out where `input_dim` go in.

        Raises:
            TransformError: the matrix takes another number of dimensions.
        """
        if self.weights.shape[1] != input_dim:
            raise TransformError(
                f"The matrix takes {self.weights.shape[1]} dimensions and gets {input_dim}."
            )
        return len(self.weights)

    def apply(self, vectors: Vector) -> Vector:
        """Return rows of shape (n, in) mapped to shape (n, out), both float32."""
        mapped = vectors @ self.weights.T
        mapped += self.bias
        return _ACTIVATE[self.activation](mapped)

    @cached_property
    def rotates(self) -> bool:
        """Whether this is only a rotation or reflection, which keeps lengths and angles."""
        rows, columns = self.weights.shape
        if rows != columns or self.activation != "none" or self.bias.any():
            return False
        products = self.weights @ self.weights.T
        return bool(np.abs(products - np.eye(rows, dtype=np.float32)).max() < _ORTHOGONAL_TOLERANCE)


@dataclass(frozen=True, kw_only=True)
class Normalize:
    """Divides every row by its length; a row of zeros stays as it is."""

    def output_dim(self, input_dim: int) -> int:
        """Return the dimensions that come out: as many as go in."""
        return input_dim

    def apply(self, vectors: Vector) -> Vector:
        """Return float32 rows of shape (n, dim) scaled to length 1."""
        # The squares of large float32 numbers overflow float32.
        squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
        lengths = np.sqrt(squares)[:, None]
        return np.divide(vectors, np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Truncate:
    """Keeps the first `dim` dimensions of a row."""

    dim: int

    def output_dim(self, input_dim: int) -> int:
        """Return the dimensions that come out where `input_dim` go in.

        Raises:
            TransformError: fewer go in than are kept.
        """
        if not 1 <= self.dim <= input_dim:
            raise TransformError(f"The first {self.dim} dimensions of {input_dim} cannot be kept.")
        return self.dim

    def apply(self, vectors: Vector) -> Vector:
        """Return float32 rows of shape (n, in) cut to shape (n, dim)."""
        return np.ascontiguousarray(vectors[:, : self.dim])


Step: TypeAlias = Affine | Normalize | Truncate


def gives_unit_length(steps: Sequence[Step]) -> bool:
    """Return whether all that comes out has length 1, zero rows apart, whatever goes in."""
    unit = False
    for step in steps:
        match step:
            case Normalize():
                unit = True
            case Affine():
                unit = unit and step.rotates
            case Truncate():
                unit = False
    return unit


def _frozen(values: Vector) -> Vector:
    """Return a contiguous float32 copy that nobody can write to."""
    copy = np.array(values, dtype=np.float32, order="C")
    copy.flags.writeable = False
    return copy


def _require_matching(weights: Vector, bias: Vector) -> None:
    if weights.ndim != 2 or bias.shape != weights.shape[:1] or 0 in weights.shape:
        raise TransformError(
            f"Weights of shape {weights.shape} and a bias of shape {bias.shape} are no affine map: "
            "they must be (out, in) and (out,)."
        )
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise TransformError("A matrix of the transform holds NaN or infinite numbers.")
