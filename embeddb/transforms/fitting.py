"""What every fit is given beside its rows, and the matrices that several of them start from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from embeddb.protocols import Progress
from embeddb.records import Vector

Matrix: TypeAlias = NDArray[np.float64]
"""Fits are computed in float64, shape (out, in), and stored in float32."""

ANGULAR = ("cosine", "hamming")
"""Distances that do not see the length of a vector: fits see unit vectors under them."""

# 12 MB of float64 at 384 dimensions: large enough for BLAS, small beside the vectors.
BLOCK_ROWS = 4_096


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitting:
    """The circumstances of a fit.

    Attributes:
        unit: the steps before this one give vectors of length 1.
        progress: called with the rounds done and the most rounds there can be.
    """

    distance: str
    unit: bool = False
    seed: int = 0
    progress: Progress | None = None

    @property
    def centred(self) -> bool:
        """Whether the mean may be subtracted: that leaves l2 distances alone, but not angles."""
        return self.distance == "l2"


def _blocks(rows: Vector) -> Iterator[Matrix]:
    """Yield rows in blocks of float64."""
    for start in range(0, len(rows), BLOCK_ROWS):
        yield rows[start : start + BLOCK_ROWS].astype(np.float64)


def mean_of(rows: Vector) -> Matrix:
    """Return the mean of the rows, computed in float64."""
    return np.asarray(rows.mean(axis=0, dtype=np.float64))


def principal_axes(rows: Vector, mean: Matrix | None = None) -> tuple[Matrix, Matrix]:
    """Return the orthogonal directions along which the rows spread, the widest first.

    Without a mean these are the eigenvectors of the second moments, so that the first N of them
    keep dot products best; with one, those of the covariance (Jolliffe, Principal Component
    Analysis, 2002). An axis has no sign of its own: its largest entry is made positive.

    Returns:
        The axes as rows, shape (dim, dim), and the mean square along each, shape (dim,).
    """
    dim = rows.shape[1]
    moments = np.zeros((dim, dim))
    for block in _blocks(rows):
        centred = block if mean is None else block - mean
        moments += centred.T @ centred
    squares, columns = np.linalg.eigh(moments / max(len(rows), 1))
    axes = columns.T[::-1]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return axes * np.sign(largest), np.maximum(squares[::-1], 0.0)


def random_rotation(dim: int, seed: int) -> Matrix:
    """Return a uniformly distributed rotation or reflection, shape (dim, dim).

    QR of a Gaussian matrix is uniform only once the signs of R's diagonal are taken out
    (Mezzadri, How to Generate Random Matrices from the Classical Compact Groups, 2007).
    """
    gaussian = np.random.default_rng([seed, dim]).standard_normal((dim, dim))
    q, r = np.linalg.qr(gaussian)
    return np.asarray(q * np.sign(np.diag(r)))


def sample(rows: Vector, most: int, seed: int) -> Vector:
    """Return at most `most` of the rows, drawn at random, in their order."""
    if len(rows) <= most:
        return rows
    chosen = np.random.default_rng([seed, len(rows)]).choice(len(rows), most, replace=False)
    return rows[np.sort(chosen)]
