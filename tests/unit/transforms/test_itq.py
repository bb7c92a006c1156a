"""The rotation for sign codes."""

from __future__ import annotations

import numpy as np

from embeddb.records import Vector
from embeddb.transforms import TransformSpec, fit
from tests.support.transform_rows import DIM, fitted, skewed_rows, unit


def lost_by_signs(rows: Vector) -> float:
    """The squared distance of rows to their signs at the best scale."""
    return float(1 - np.mean(np.abs(rows).mean(axis=1) ** 2 / np.square(rows).mean(axis=1)))


def test_signs_lose_less_after_the_rotation() -> None:
    rows = unit(skewed_rows(500))
    learned = lost_by_signs(fitted("rotation:itq", rows=rows).apply(rows))
    others = [
        lost_by_signs(fitted("rotation", rows=rows, seed=seed).apply(rows)) for seed in range(5)
    ]
    assert learned < min(others)
    assert learned < lost_by_signs(fitted("rotation:pca", rows=rows).apply(rows))


def test_progress_counts_up_to_at_most_fifty() -> None:
    heard: list[tuple[int, int]] = []
    fit(
        TransformSpec(words=("rotation:itq",)),
        skewed_rows(),
        input_dim=DIM,
        distance="cosine",
        progress=lambda done, total: heard.append((done, total)),
    )
    assert heard == [(done, 50) for done in range(1, len(heard) + 1)]
    assert 1 <= len(heard) <= 50
