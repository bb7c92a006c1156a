"""Small vectors with a shape of their own: some directions carry more than others."""

from __future__ import annotations

import numpy as np

from embeddb.records import Vector
from embeddb.transforms import Transform, TransformSpec, fit

DIM = 12


def skewed_rows(count: int = 200, dim: int = DIM, seed: int = 0) -> Vector:
    """Rows of shape (count, dim) around a mean, spread unevenly over mixed directions."""
    rng = np.random.default_rng(seed)
    mixing, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
    spread = 0.7 ** np.arange(dim)
    rows = (rng.standard_normal((count, dim)) * spread) @ mixing + 0.3 * mixing[0]
    return np.asarray(rows, dtype=np.float32)


def fitted(
    *words: str, rows: Vector | None = None, distance: str = "cosine", seed: int = 0
) -> Transform:
    """A transform of these words, fitted to skewed rows where none are given."""
    rows = skewed_rows() if rows is None else rows
    return fit(
        TransformSpec(words=words), rows, input_dim=rows.shape[1], distance=distance, seed=seed
    )


def unit(rows: Vector) -> Vector:
    """The rows divided by their lengths."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / lengths, dtype=np.float32)
