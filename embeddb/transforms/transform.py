"""A fitted transform: the steps between the model and what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np

from embeddb.errors import DimensionMismatchError, TransformError
from embeddb.records import Vector
from embeddb.schema.transforms import TransformSpec
from embeddb.transforms.steps import Affine, Normalize, Step, Truncate, gives_unit_length


@dataclass(frozen=True, kw_only=True, eq=False)
class Transform:
    """Maps the model's vectors to the stored ones, for documents and queries alike.

    Attributes:
        spec: the canonical words that it was fitted for, e.g. `("normalize", "pca:128")`.
        fitted_rows: rows that the fit saw; 0 where nothing needed fitting.

    Raises:
        TransformError: the steps do not lead from `input_dim` to `output_dim`.
    """

    spec: tuple[str, ...]
    steps: tuple[Step, ...]
    input_dim: int
    output_dim: int
    fitted_rows: int = 0

    def __post_init__(self) -> None:
        dim = self.input_dim
        for step in self.steps:
            dim = step.output_dim(dim)
        if dim != self.output_dim:
            raise TransformError(
                f"The steps return {dim} dimensions, and the transform claims to return "
                f"{self.output_dim}."
            )

    def apply(self, vectors: Vector) -> Vector:
        """Return vectors of shape (n, input_dim) as float32 of shape (n, output_dim).

        Raises:
            DimensionMismatchError: the vectors have another shape.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.input_dim:
            raise DimensionMismatchError(
                f"The transform takes vectors of shape (n, {self.input_dim}), not {vectors.shape}."
            )
        rows = np.asarray(vectors, dtype=np.float32)
        for step in self.steps:
            rows = step.apply(rows)
        return rows

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the spec and of every number: if it is equal, vectors are comparable."""
        digest = sha256(repr((self.spec, self.input_dim)).encode())
        for step in self.steps:
            match step:
                case Affine():
                    digest.update(f"affine {step.weights.shape} {step.activation}".encode())
                    digest.update(step.weights.astype("<f4").tobytes())
                    digest.update(step.bias.astype("<f4").tobytes())
                case Normalize():
                    digest.update(b"normalize")
                case Truncate():
                    digest.update(f"truncate {step.dim}".encode())
        return digest.hexdigest()

    @cached_property
    def isometric(self) -> bool:
        """Whether it only rotates, so that cosine, l2 and inner_product distances stay the same."""
        return all(isinstance(step, Affine) and step.rotates for step in self.steps)

    @cached_property
    def unit(self) -> bool:
        """Whether stored vectors have length 1, whatever comes in (zero vectors stay zero)."""
        return gives_unit_length(self.steps)

    @cached_property
    def leading(self) -> bool:
        """Whether the leading dimensions carry the most, as an index on the first few needs."""
        return TransformSpec(words=self.spec).leading
