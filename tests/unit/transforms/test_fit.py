"""How a spec becomes a transform: the order of its words, its rows, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

from embeddb.errors import DimensionMismatchError, TransformError
from embeddb.transforms import TransformSpec, fit
from tests.support.transform_rows import DIM, fitted, skewed_rows


def test_each_word_is_fitted_to_what_the_one_before_gives() -> None:
    rows = skewed_rows()
    first = fitted("pca:5", rows=rows)
    second = fitted("rotation:pca", rows=first.apply(rows))
    both = fitted("pca:5", "rotation:pca", rows=rows)
    assert np.allclose(both.apply(rows), second.apply(first.apply(rows)), atol=1e-5)


def test_what_needs_no_fitting_needs_no_vectors() -> None:
    spec = TransformSpec(words=("normalize", "rotation", "matryoshka:5"))
    transform = fit(spec, None, input_dim=DIM, distance="cosine")
    assert (transform.output_dim, transform.fitted_rows) == (5, 0)


def test_rows_are_counted_only_where_something_is_fitted() -> None:
    assert fitted("pca:5").fitted_rows == 200
    assert fitted("rotation").fitted_rows == 0


@pytest.mark.parametrize("rows", [0, 23])
def test_too_few_rows_are_refused_with_how_many_are_needed(rows: int) -> None:
    message = (
        f"normalize, rotation:itq is fitted with at least 24 rows and there are {rows}: add "
        "documents first, keep fewer dimensions, or choose a transform that is not fitted "
        "(normalize, rotation, matryoshka:N)"
    )
    with pytest.raises(TransformError, match=re.escape(message)):
        fitted("normalize", "rotation:itq", rows=skewed_rows(rows))


def test_no_vectors_for_a_fit_are_refused() -> None:
    spec = TransformSpec(words=("autoencoder:4",))
    with pytest.raises(TransformError, match="at least 1,000 rows and there are 0"):
        fit(spec, None, input_dim=DIM, distance="cosine")


def test_vectors_of_another_width_are_refused() -> None:
    spec = TransformSpec(words=("pca:4",))
    with pytest.raises(DimensionMismatchError, match=r"vectors of shape \(n, 7\), not \(200, 12\)"):
        fit(spec, skewed_rows(), input_dim=7, distance="cosine")


def test_vectors_that_are_not_finite_are_refused() -> None:
    rows = skewed_rows()
    rows[3, 2] = np.nan
    with pytest.raises(TransformError, match="hold NaN or infinite numbers: leave those rows out"):
        fitted("pca:4", rows=rows)


def test_a_spec_that_contradicts_the_distance_is_not_fitted() -> None:
    with pytest.raises(TransformError, match="does not keep l1 distances"):
        fitted("pca:4", distance="l1")


@pytest.mark.parametrize("word", ["rotation", "rotation:pca", "rotation:itq", "pca:4"])
def test_the_same_rows_and_seed_give_the_same_transform(word: str) -> None:
    assert fitted(word, seed=3).fingerprint == fitted(word, seed=3).fingerprint


def test_importing_the_package_loads_neither_torch_nor_scipy() -> None:
    code = "import sys, embeddb.transforms; sys.exit(bool({'torch', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
