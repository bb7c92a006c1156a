"""A transform as rows of two tables, and back: every float32 survives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike

from embeddb.errors import TransformError
from embeddb.records import Vector
from embeddb.transforms.steps import Activation, Affine, Normalize, Step, Truncate
from embeddb.transforms.transform import Transform


class MatrixRow(NamedTuple):
    """One row of one step's matrix, as a table keeps it; both numbers count from 0.

    Attributes:
        weights: float32, shape (in,).
    """

    step: int
    row_no: int
    weights: Vector
    bias: float


def dump(transform: Transform) -> tuple[list[dict[str, Any]], Iterator[MatrixRow]]:
    """Return the steps as JSON objects, and the rows of their matrices."""
    return [_step_to_json(step) for step in transform.steps], _matrix_rows(transform)


def load(
    words: Sequence[str],
    steps_json: Sequence[Mapping[str, Any]],
    rows: Iterable[tuple[int, int, ArrayLike, float]],
    *,
    input_dim: int,
    fitted_rows: int = 0,
) -> Transform:
    """Return the transform that `dump` took apart; the rows may come in any order.

    Raises:
        TransformError: a step is unknown, or a row is missing, doubled or of another length.
    """
    matrices: dict[int, dict[int, tuple[ArrayLike, float]]] = {}
    for step, row_no, weights, bias in rows:
        matrix = matrices.setdefault(step, {})
        if row_no in matrix:
            raise TransformError(f"Row {row_no} of step {step} of the transform is stored twice.")
        matrix[row_no] = (weights, bias)
    steps = tuple(
        _step_from_json(number, step, matrices.pop(number, {}))
        for number, step in enumerate(steps_json)
    )
    if matrices:
        raise TransformError(f"Rows are stored for step {min(matrices)}, which does not exist.")
    dim = input_dim
    for loaded in steps:
        dim = loaded.output_dim(dim)
    return Transform(
        spec=tuple(words), steps=steps, input_dim=input_dim, output_dim=dim, fitted_rows=fitted_rows
    )


def _step_to_json(step: Step) -> dict[str, Any]:
    match step:
        case Affine():
            out, inner = step.weights.shape
            return {"kind": "affine", "rows": out, "columns": inner, "activation": step.activation}
        case Normalize():
            return {"kind": "normalize"}
        case Truncate():
            return {"kind": "truncate", "dim": step.dim}


def _matrix_rows(transform: Transform) -> Iterator[MatrixRow]:
    for number, step in enumerate(transform.steps):
        if isinstance(step, Affine):
            for row_no, weights in enumerate(step.weights):
                yield MatrixRow(number, row_no, weights, float(step.bias[row_no]))


def _step_from_json(
    number: int, step: Mapping[str, Any], matrix: Mapping[int, tuple[ArrayLike, float]]
) -> Step:
    kind = step.get("kind")
    if kind == "affine":
        return _affine(number, step, matrix)
    if matrix:
        raise TransformError(f"Rows are stored for step {number}, which has no matrix.")
    if kind == "normalize":
        return Normalize()
    if kind == "truncate":
        return Truncate(dim=step["dim"])
    raise TransformError(
        f"Step {number} of the stored transform is of the unknown kind {kind!r}: "
        "a newer embeddb may have written it, so upgrade this one."
    )


def _affine(
    number: int, step: Mapping[str, Any], matrix: Mapping[int, tuple[ArrayLike, float]]
) -> Affine:
    shape = (step["rows"], step["columns"])
    weights = np.empty(shape, dtype=np.float32)
    bias = np.empty(shape[:1], dtype=np.float32)
    if set(matrix) != set(range(shape[0])):
        raise TransformError(
            f"Step {number} of the stored transform needs the rows 0 to {shape[0] - 1} and has "
            f"{len(matrix)} rows, not all of them these: fit the transform again."
        )
    for row_no, (values, offset) in matrix.items():
        row = np.asarray(values, dtype=np.float32)
        if row.shape != shape[1:]:
            raise TransformError(
                f"Row {row_no} of step {number} of the stored transform has the shape {row.shape} "
                f"and needs {shape[1:]}: fit the transform again."
            )
        weights[row_no] = row
        bias[row_no] = offset
    return Affine(weights=weights, bias=bias, activation=cast(Activation, step["activation"]))
