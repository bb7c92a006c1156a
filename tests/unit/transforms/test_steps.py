"""What each step does to rows, and what it refuses to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from embeddb.errors import TransformError
from embeddb.records import Vector
from embeddb.transforms.steps import Affine, Normalize, Step, Truncate, gives_unit_length

TURN = np.array([[0, 1], [-1, 0]], dtype=np.float32)
NOTHING = np.zeros(2, dtype=np.float32)

rows_of_three = arrays(np.float32, (4, 3), elements=st.floats(-(2.0**60), 2.0**60, width=32))


@given(rows_of_three)
def test_normalized_rows_have_length_one_or_stay_zero(rows: Vector) -> None:
    lengths = np.linalg.norm(Normalize().apply(rows).astype(np.float64), axis=1)
    assert np.allclose(lengths, rows.any(axis=1), atol=1e-6)


def test_the_longest_vectors_that_float32_holds_are_normalized() -> None:
    rows = np.full((1, 4), 3e38, dtype=np.float32)
    assert np.allclose(Normalize().apply(rows), 0.5)


def test_truncate_keeps_the_first_dimensions() -> None:
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert Truncate(dim=2).apply(rows).tolist() == [[0, 1], [3, 4]]


@pytest.mark.parametrize(
    ("activation", "expected"),
    [("none", [[3.0, -2.0]]), ("relu", [[3.0, 0.0]]), ("tanh", [[np.tanh(3.0), np.tanh(-2.0)]])],
)
def test_affine_is_weights_bias_and_activation(activation: str, expected: list[float]) -> None:
    bias = np.array([1, -1], dtype=np.float32)
    step = Affine(weights=TURN, bias=bias, activation=activation)  # type: ignore[arg-type]
    rows = np.array([[1, 2]], dtype=np.float32)
    assert np.allclose(step.apply(rows), expected)
    assert rows.tolist() == [[1, 2]]


def test_a_step_owns_numbers_that_nobody_can_change() -> None:
    weights = TURN.copy()
    step = Affine(weights=weights, bias=NOTHING)
    weights[0, 0] = 9
    assert step.weights[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        step.weights[0, 0] = 9


@pytest.mark.parametrize(
    ("weights", "bias", "message"),
    [
        (np.ones(2), np.ones(2), r"shape \(2,\) and a bias of shape \(2,\) are no affine map"),
        (np.ones((3, 2)), np.ones(2), r"they must be \(out, in\) and \(out,\)"),
        (np.ones((0, 2)), np.ones(0), "are no affine map"),
        (np.full((2, 2), np.nan), np.ones(2), "holds NaN or infinite numbers"),
        (np.ones((2, 2)), np.full(2, np.inf), "holds NaN or infinite numbers"),
    ],
)
def test_numbers_that_are_no_affine_map_are_refused(
    weights: NDArray[np.float64], bias: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(TransformError, match=message):
        Affine(weights=weights.astype(np.float32), bias=bias.astype(np.float32))


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(TransformError, match=r"'gelu': choose one of none, tanh, relu"):
        Affine(weights=TURN, bias=NOTHING, activation="gelu")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Affine(weights=TURN, bias=NOTHING), "The matrix takes 2 dimensions and gets 3"),
        (Truncate(dim=4), "The first 4 dimensions of 3 cannot be kept"),
        (Truncate(dim=0), "The first 0 dimensions of 3 cannot be kept"),
    ],
)
def test_a_step_that_does_not_fit_the_one_before_is_refused(step: Step, message: str) -> None:
    with pytest.raises(TransformError, match=message):
        step.output_dim(3)


@pytest.mark.parametrize(
    ("step", "rotates"),
    [
        (Affine(weights=TURN, bias=NOTHING), True),
        (Affine(weights=TURN, bias=NOTHING + 1), False),
        (Affine(weights=TURN, bias=NOTHING, activation="tanh"), False),
        (Affine(weights=TURN * 2, bias=NOTHING), False),
        (Affine(weights=TURN[:1], bias=NOTHING[:1]), False),
    ],
)
def test_only_a_bare_orthogonal_matrix_rotates(step: Affine, rotates: bool) -> None:
    assert step.rotates is rotates


@pytest.mark.parametrize(
    ("steps", "unit"),
    [
        ([], False),
        ([Normalize()], True),
        ([Normalize(), Affine(weights=TURN, bias=NOTHING)], True),
        ([Normalize(), Affine(weights=TURN * 2, bias=NOTHING)], False),
        ([Normalize(), Truncate(dim=2)], False),
        ([Truncate(dim=2), Normalize()], True),
    ],
)
def test_length_one_lasts_until_a_step_changes_it(steps: list[Step], unit: bool) -> None:
    assert gives_unit_length(steps) is unit
