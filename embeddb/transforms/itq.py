"""A rotation after which the signs of the dimensions keep the most of the vectors."""

from __future__ import annotations

import numpy as np

from embeddb.records import Vector
from embeddb.schema.transforms import Word
from embeddb.transforms.fitting import Fitting, principal_axes, random_rotation, sample
from embeddb.transforms.linear import rotation
from embeddb.transforms.steps import Step

ITERATIONS = 50

# An iteration multiplies the rows with two (dim, dim) matrices: more rows cost time and move the
# result no further.
MOST_ROWS = 20_000

# Rounds go on while more of the signs than this change in one.
SETTLED = 1e-3


def rotate_for_signs(word: Word, rows: Vector, fitting: Fitting) -> list[Step]:
    """Return the rotation whose signs lie nearest to the rotated rows.

    Alternates between taking the signs and rotating the rows towards them, from a random
    rotation of the principal axes (Gong and Lazebnik, Iterative Quantization, 2011).
    """
    rows = sample(rows, MOST_ROWS, fitting.seed)
    axes, _ = principal_axes(rows)
    along = rows @ axes.T.astype(np.float32)
    turn = random_rotation(rows.shape[1], fitting.seed)
    before = np.zeros(along.shape, dtype=np.bool_)
    for done in range(1, ITERATIONS + 1):
        positive = along @ turn.astype(np.float32) > 0
        codes = np.where(positive, np.float32(1), np.float32(-1))
        left, _, right = np.linalg.svd((along.T @ codes).astype(np.float64))
        turn = left @ right
        if fitting.progress is not None:
            fitting.progress(done, ITERATIONS)
        if np.mean(positive != before) < SETTLED:
            break
        before = positive
    return [rotation(turn.T @ axes)]
