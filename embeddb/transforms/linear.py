"""Transforms that are one matrix or none: normalize, matryoshka, rotations and PCA."""

from __future__ import annotations

import numpy as np

from embeddb.records import Vector
from embeddb.schema.transforms import Word
from embeddb.transforms.fitting import Fitting, Matrix, mean_of, principal_axes, random_rotation
from embeddb.transforms.steps import Affine, Normalize, Step, Truncate


def normalize(word: Word, dim: int, fitting: Fitting) -> list[Step]:
    """Return the step that scales every vector to length 1."""
    return [Normalize()]


def matryoshka(word: Word, dim: int, fitting: Fitting) -> list[Step]:
    """Return the steps that keep the first dimensions of a Matryoshka model.

    Kusupati et al., Matryoshka Representation Learning, 2022.

    The result is normalized for cosine, where it changes nothing but rounding, and for the
    inner product of vectors that were unit vectors before. Where lengths mean something (l2, or
    the inner product of raw vectors) they are left alone.
    """
    assert word.dim is not None
    shortened: list[Step] = [Truncate(dim=word.dim)]
    if fitting.distance == "cosine" or (fitting.distance == "inner_product" and fitting.unit):
        shortened.append(Normalize())
    return shortened


def rotate_randomly(word: Word, dim: int, fitting: Fitting) -> list[Step]:
    """Return a random rotation, which spreads the variance evenly over all dimensions."""
    return [rotation(random_rotation(dim, fitting.seed))]


def rotate_to_axes(word: Word, rows: Vector, fitting: Fitting) -> list[Step]:
    """Return the rotation to the principal axes, the widest first; it never centres."""
    axes, _ = principal_axes(rows)
    return [rotation(axes)]


def pca(word: Word, rows: Vector, fitting: Fitting) -> list[Step]:
    """Return the map to the widest principal axes; it centres for l2 only."""
    mean = mean_of(rows) if fitting.centred else None
    axes = principal_axes(rows, mean)[0][: word.dim]
    return [affine(axes, None if mean is None else -axes @ mean)]


def rotation(matrix: Matrix) -> Affine:
    """Return the step of an orthogonal matrix."""
    return affine(matrix, None)


def affine(weights: Matrix, bias: Matrix | None) -> Affine:
    """Return the float32 step that is stored of a fitted matrix."""
    rounded = np.zeros(len(weights)) if bias is None else bias
    return Affine(weights=weights.astype(np.float32), bias=rounded.astype(np.float32))
