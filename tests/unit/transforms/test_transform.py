"""What a fitted transform says about itself, and the vectors that it takes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from embeddb.errors import DimensionMismatchError, TransformError
from embeddb.transforms import Transform
from embeddb.transforms.steps import Affine, Truncate
from tests.support.transform_rows import DIM, fitted, skewed_rows


@pytest.mark.parametrize("shape", [(DIM,), (2, DIM + 1), (1, 2, DIM)])
def test_vectors_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    message = f"The transform takes vectors of shape (n, {DIM}), not {shape}"
    with pytest.raises(DimensionMismatchError, match=re.escape(message)):
        fitted("rotation").apply(np.ones(shape, dtype=np.float32))


def test_no_vectors_become_no_vectors_of_the_new_width() -> None:
    given = np.empty((0, DIM), dtype=np.float32)
    assert fitted("normalize", "pca:5").apply(given).shape == (0, 5)


def test_what_comes_out_is_float32_and_what_went_in_stays() -> None:
    rows = skewed_rows()
    before = rows.copy()
    assert fitted("normalize", "pca:5", "rotation:itq").apply(rows).dtype == np.float32
    assert np.array_equal(rows, before)


def test_steps_that_end_elsewhere_are_refused() -> None:
    with pytest.raises(TransformError, match="The steps return 2 dimensions, and the transform"):
        Transform(spec=("matryoshka:3",), steps=(Truncate(dim=2),), input_dim=4, output_dim=3)


def test_the_fingerprint_is_of_the_content() -> None:
    transform = fitted("pca:5")
    again = fitted("pca:5")
    assert len(transform.fingerprint) == 64
    assert transform.fingerprint == again.fingerprint
    (step,) = transform.steps
    assert isinstance(step, Affine)
    nudged = step.weights.copy()
    nudged[0, 0] = np.nextafter(nudged[0, 0], np.float32(9))
    others = [
        fitted("pca:5", rows=skewed_rows(seed=1)),
        fitted("pca:6"),
        fitted("pca:5", "normalize"),
        Transform(
            spec=transform.spec,
            steps=(Affine(weights=nudged, bias=step.bias),),
            input_dim=DIM,
            output_dim=5,
        ),
        Transform(
            spec=transform.spec,
            steps=(Affine(weights=step.weights, bias=step.bias, activation="tanh"),),
            input_dim=DIM,
            output_dim=5,
        ),
        fitted("matryoshka:5"),
    ]
    assert len({transform.fingerprint, *(other.fingerprint for other in others)}) == 7


@pytest.mark.parametrize(
    ("words", "distance", "isometric", "unit", "leading"),
    [
        (("normalize",), "cosine", False, True, False),
        (("rotation",), "cosine", True, False, False),
        (("rotation:pca",), "l2", True, False, True),
        (("rotation:itq",), "hamming", True, False, False),
        (("normalize", "rotation:pca"), "cosine", False, True, True),
        (("pca:5",), "cosine", False, False, True),
        (("pca:12",), "cosine", True, False, True),
        (("pca:12",), "l2", False, False, True),
        (("pca:5", "normalize"), "cosine", False, True, True),
        (("pca:5", "rotation:itq"), "cosine", False, False, False),
        (("pca:5", "matryoshka:3"), "cosine", False, True, True),
        (("matryoshka:5",), "cosine", False, True, False),
        (("matryoshka:5",), "l2", False, False, False),
    ],
)
def test_a_transform_knows_what_it_keeps(
    words: tuple[str, ...], distance: str, isometric: bool, unit: bool, leading: bool
) -> None:
    transform = fitted(*words, distance=distance)
    assert (transform.isometric, transform.unit, transform.leading) == (isometric, unit, leading)


def test_unit_transforms_give_length_one() -> None:
    given = fitted("normalize", "rotation:itq").apply(skewed_rows())
    assert np.allclose(np.linalg.norm(given, axis=1), 1, atol=1e-6)
