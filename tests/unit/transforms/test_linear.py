"""Normalize, matryoshka, rotations and PCA: what they keep of distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embeddb.records import Vector
from embeddb.transforms import Transform
from embeddb.transforms.steps import Affine
from tests.support.transform_rows import DIM, fitted, skewed_rows, unit


def matrix_of(transform: Transform) -> Vector:
    (step,) = transform.steps
    assert isinstance(step, Affine)
    return step.weights


@settings(max_examples=20, deadline=None)
@given(
    word=st.sampled_from(["rotation", "rotation:pca", "rotation:itq"]),
    dim=st.integers(1, 20),
    seed=st.integers(0, 2**32),
)
def test_rotations_keep_every_dot_product(word: str, dim: int, seed: int) -> None:
    rows = skewed_rows(2 * dim, dim, seed)
    turned = fitted(word, rows=rows, seed=seed).apply(rows)
    assert np.allclose(turned @ turned.T, rows @ rows.T, atol=1e-4)


def test_a_random_rotation_depends_on_its_seed_alone() -> None:
    first = fitted("rotation", rows=skewed_rows(seed=0))
    assert np.array_equal(matrix_of(first), matrix_of(fitted("rotation", rows=skewed_rows(seed=1))))
    assert not np.array_equal(matrix_of(first), matrix_of(fitted("rotation", seed=1)))


def test_random_rotations_are_uniform() -> None:
    # Uncorrected QR would leave the diagonal with one sign more often than with the other.
    diagonals = np.array(
        [np.diag(matrix_of(fitted("rotation", rows=skewed_rows(1, 4), seed=s))) for s in range(400)]
    )
    assert np.abs(diagonals.mean(axis=0)).max() < 4 * 0.5 / np.sqrt(400)
    assert np.allclose((diagonals**2).mean(axis=0), 0.25, atol=0.07)


def test_a_pca_rotation_puts_the_most_first() -> None:
    turned = fitted("rotation:pca").apply(unit(skewed_rows()))
    carried = np.square(turned).mean(axis=0)
    assert (np.diff(carried) <= 1e-6).all()


@pytest.mark.parametrize("distance", ["cosine", "hamming", "inner_product"])
def test_pca_keeps_the_subspace_of_a_truncated_svd(distance: str) -> None:
    rows = skewed_rows()
    seen = rows if distance == "inner_product" else unit(rows)
    _, _, axes = np.linalg.svd(seen.astype(np.float64), full_matrices=False)
    weights = matrix_of(fitted("pca:4", rows=rows, distance=distance))
    assert np.allclose(weights.T @ weights, axes[:4].T @ axes[:4], atol=1e-5)


def test_pca_for_l2_is_centred() -> None:
    rows = skewed_rows()
    centred = rows - rows.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    transform = fitted("pca:4", rows=rows, distance="l2")
    weights = matrix_of(transform)
    assert np.allclose(weights.T @ weights, axes[:4].T @ axes[:4], atol=1e-4)
    assert np.allclose(transform.apply(rows).mean(axis=0), 0, atol=1e-5)


def test_the_lengths_of_vectors_do_not_matter_to_a_fit_for_cosine() -> None:
    rows = skewed_rows()
    lengthened = rows * np.linspace(1, 50, len(rows), dtype=np.float32)[:, None]
    assert np.allclose(
        matrix_of(fitted("pca:4", rows=rows)),
        matrix_of(fitted("pca:4", rows=lengthened)),
        atol=1e-4,
    )


def test_an_axis_points_where_its_largest_entry_is_positive() -> None:
    weights = matrix_of(fitted("rotation:pca"))
    largest = np.take_along_axis(weights, np.abs(weights).argmax(axis=1)[:, None], axis=1)
    assert (largest > 0).all()


def test_rows_without_spread_can_be_fitted() -> None:
    rows = np.ones((40, DIM), dtype=np.float32)
    transform = fitted("rotation:pca", rows=rows)
    assert transform.isometric
    assert np.allclose(transform.apply(rows)[:, 1:], 0, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "distance", "normalized"),
    [
        (("matryoshka:5",), "cosine", True),
        (("matryoshka:5",), "l2", False),
        (("matryoshka:5",), "inner_product", False),
        (("normalize", "matryoshka:5"), "inner_product", True),
        (("matryoshka:5",), "l1", False),
    ],
)
def test_matryoshka_normalizes_where_lengths_mean_nothing(
    words: tuple[str, ...], distance: str, normalized: bool
) -> None:
    rows = skewed_rows()
    given_out = fitted(*words, rows=rows, distance=distance).apply(rows)
    cut = rows[:, :5]
    assert np.allclose(given_out, unit(cut) if normalized else cut, atol=1e-6)
