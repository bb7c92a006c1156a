"""Fitting the words of a spec one after the other, each on what the one before returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from embeddb.errors import DimensionMismatchError, TransformError
from embeddb.protocols import Progress
from embeddb.records import Vector
from embeddb.schema.transform_kinds import StepKind
from embeddb.schema.transforms import TransformSpec, Word
from embeddb.transforms.autoencoder import encode_with_network
from embeddb.transforms.fitting import ANGULAR, Fitting
from embeddb.transforms.itq import rotate_for_signs
from embeddb.transforms.linear import (
    matryoshka,
    normalize,
    pca,
    rotate_randomly,
    rotate_to_axes,
)
from embeddb.transforms.steps import Normalize, Step, gives_unit_length
from embeddb.transforms.transform import Transform

Maker: TypeAlias = Callable[[Word, int, Fitting], list[Step]]
Fitter: TypeAlias = Callable[[Word, Vector, Fitting], list[Step]]

MAKERS: dict[StepKind, Maker] = {
    StepKind.NORMALIZE: normalize,
    StepKind.ROTATION: rotate_randomly,
    StepKind.MATRYOSHKA: matryoshka,
}
FITTERS: dict[StepKind, Fitter] = {
    StepKind.ROTATION_PCA: rotate_to_axes,
    StepKind.ROTATION_ITQ: rotate_for_signs,
    StepKind.PCA: pca,
    StepKind.AUTOENCODER: encode_with_network,
}


def fit(
    spec: TransformSpec,
    vectors: Vector | None,
    *,
    input_dim: int,
    distance: str,
    seed: int = 0,
    progress: Progress | None = None,
) -> Transform:
    """Return a transform fitted to vectors of the model, shape (n, input_dim).

    The vectors may be None where nothing needs fitting. The same vectors and seed give the same
    transform on the same machine. `progress` hears from the words that take long, rotation:itq
    and autoencoder: the rounds done, and the most there can be.

    Raises:
        TransformError: the spec contradicts itself or the distance, or the rows are too few or
            not finite.
        DimensionMismatchError: the vectors are not of shape (n, input_dim).
    """
    spec.check(input_dim, distance)
    rows = _usable_rows(spec, vectors, input_dim)
    steps: list[Step] = []
    dim = input_dim
    for word in spec.parts:
        fitting = Fitting(
            distance=distance, unit=gives_unit_length(steps), seed=seed, progress=progress
        )
        added = _steps_of(word, rows, dim, fitting)
        for step in added:
            rows = step.apply(rows)
            dim = step.output_dim(dim)
        steps += added
    return Transform(
        spec=spec.words,
        steps=tuple(steps),
        input_dim=input_dim,
        output_dim=dim,
        fitted_rows=len(rows),
    )


def _steps_of(word: Word, rows: Vector, dim: int, fitting: Fitting) -> list[Step]:
    """Return the steps of one word; under an angular distance it sees directions alone."""
    if word.kind in MAKERS:
        return MAKERS[word.kind](word, dim, fitting)
    directions = Normalize().apply(rows) if fitting.distance in ANGULAR else rows
    return FITTERS[word.kind](word, directions, fitting)


def _usable_rows(spec: TransformSpec, vectors: Vector | None, input_dim: int) -> Vector:
    """Return the rows to fit with: none at all where nothing is fitted."""
    if vectors is None or not spec.needs_fit:
        rows = np.empty((0, input_dim), dtype=np.float32)
    else:
        rows = np.asarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != input_dim:
        raise DimensionMismatchError(
            f"A transform of {input_dim} dimensions is fitted with vectors of shape "
            f"(n, {input_dim}), not {rows.shape}."
        )
    needed = spec.min_rows(input_dim)
    if len(rows) < needed:
        raise TransformError(
            f"{', '.join(spec.words)} is fitted with at least {needed:,} rows and there are "
            f"{len(rows):,}: add documents first, keep fewer dimensions, or choose a transform "
            "that is not fitted (normalize, rotation, matryoshka:N)."
        )
    if not np.isfinite(rows).all():
        raise TransformError(
            "The vectors to fit with hold NaN or infinite numbers: leave those rows out."
        )
    return rows
