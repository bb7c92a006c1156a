"""A transform as rows of tables, and back."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embeddb.errors import TransformError
from embeddb.transforms import dump, load
from tests.support.transform_rows import DIM, fitted, skewed_rows


@settings(max_examples=15, deadline=None)
@given(
    words=st.lists(
        st.sampled_from(["normalize", "rotation", "rotation:pca", "pca:5", "matryoshka:5"]),
        min_size=1,
        max_size=3,
    ),
    distance=st.sampled_from(["cosine", "l2", "inner_product"]),
    order=st.randoms(),
)
def test_a_transform_survives_its_storage(words: list[str], distance: str, order: Random) -> None:
    transform = fitted(*words, distance=distance)
    steps, matrix_rows = dump(transform)
    # A table gives its rows in any order, and a driver gives lists of Python floats.
    stored = [(step, no, weights.tolist(), bias) for step, no, weights, bias in matrix_rows]
    order.shuffle(stored)
    again = load(
        transform.spec,
        json.loads(json.dumps(steps)),
        stored,
        input_dim=DIM,
        fitted_rows=transform.fitted_rows,
    )
    assert again.fingerprint == transform.fingerprint
    assert (again.output_dim, again.fitted_rows) == (transform.output_dim, transform.fitted_rows)
    assert np.array_equal(again.apply(skewed_rows()), transform.apply(skewed_rows()))


def test_steps_are_json_and_rows_count_from_zero() -> None:
    steps, rows = dump(fitted("normalize", "pca:5", "matryoshka:3"))
    assert steps == [
        {"kind": "normalize"},
        {"kind": "affine", "rows": 5, "columns": DIM, "activation": "none"},
        {"kind": "truncate", "dim": 3},
        {"kind": "normalize"},
    ]
    kept = list(rows)
    assert [(row.step, row.row_no) for row in kept] == [(1, number) for number in range(5)]
    assert all(row.weights.shape == (DIM,) and row.bias == 0.0 for row in kept)


MATRIX = {"kind": "affine", "rows": 2, "columns": 2, "activation": "none"}


@pytest.mark.parametrize(
    ("steps", "rows", "message"),
    [
        ([MATRIX], [(0, 0, [1, 0], 0.0)], "Step 0 .* needs the rows 0 to 1 and has 1 rows"),
        ([MATRIX], [(0, 0, [1, 0], 0.0), (0, 2, [0, 1], 0.0)], "not all of them these"),
        ([MATRIX], [(0, 0, [1, 0], 0.0)] * 2, "Row 0 of step 0 of the transform is stored twice"),
        (
            [MATRIX],
            [(0, 0, [1, 0], 0.0), (0, 1, [1], 0.0)],
            r"Row 1 of step 0 .* has the shape \(1,\) and needs \(2,\)",
        ),
        ([{"kind": "normalize"}], [(1, 0, [1], 0.0)], "Rows are stored for step 1, which does not"),
        ([{"kind": "normalize"}], [(0, 0, [1], 0.0)], "Rows are stored for step 0, which has no"),
        ([{"kind": "whiten"}], [], "Step 0 .* unknown kind 'whiten': a newer embeddb"),
    ],
)
def test_a_damaged_transform_is_refused(
    steps: list[dict[str, Any]], rows: list[tuple[int, int, list[float], float]], message: str
) -> None:
    with pytest.raises(TransformError, match=message):
        load(("normalize",), steps, rows, input_dim=2)
