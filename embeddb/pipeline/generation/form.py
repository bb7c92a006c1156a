"""From the vector of a model or a caller to what a generation stores and compares."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from embeddb.db.database import Database, TransactionSource
from embeddb.errors import DocumentError, InvalidVectorError
from embeddb.pipeline.generation.vectors import as_row, check_rows
from embeddb.records import Vector
from embeddb.repository.catalog.transforms import StoredTransform, Transforms
from embeddb.schema.catalog import Generation, TransformInfo
from embeddb.schema.distances import Distance
from embeddb.schema.storage import Storage
from embeddb.transforms import Transform, dump, load

QUERY = "The query vector"

SMALLEST_INT8 = 1e-3
"""The least that the largest number of an int8 vector must reach, under a distance that depends on
lengths. A row's scale is that number over 127; below this, float16 rounds it by more than 1 %."""


class StoredForm:
    """Normalizes and transforms vectors as one generation does, documents and queries alike.

    The transform is read from the catalog for the first vector; a generation without one needs no
    database.
    """

    def __init__(self, database: Database | None, generation: Generation) -> None:
        self._database = database
        self._generation = generation

    @property
    def dim(self) -> int:
        """The dimensions of what is stored."""
        return self._generation.stored_dim

    @cached_property
    def transform(self) -> Transform | None:
        """The generation's transform, with its matrices."""
        info = self._generation.transform
        if info is None:
            return None
        assert self._database is not None
        return read_transform(Transforms(self._database).get(info.id))

    def vectors(
        self, vectors: Vector, label: Callable[[int], str]
    ) -> tuple[Vector, dict[int, DocumentError]]:
        """Return rows of shape (n, dim of the model) as they are stored, shape (n, self.dim).

        Args:
            vectors: the rows.
            label: what a message calls a row, by its number.

        Returns:
            The rows, and the error of each that cannot be stored.
        """
        if not len(vectors):
            return np.empty((0, self.dim), dtype=np.float32), {}
        rows, problems = check_rows(vectors, self._generation, label)
        if self.transform is not None:
            with np.errstate(all="ignore"):  # the rows that this harms are refused
                rows = self.transform.apply(rows)
        rows, beyond = self.storable(rows, label)
        return rows, beyond | problems

    def storable(
        self, vectors: Vector, label: Callable[[int], str]
    ) -> tuple[Vector, dict[int, DocumentError]]:
        """Return rows that are transformed already, and the error of each that does not fit."""
        return vectors, _storage_problems(vectors, self._generation, label)

    def query(self, value: object, label: str = QUERY) -> Vector:
        """Return what is compared for a query, shape (dim of the model,): shape (self.dim,).

        Raises:
            InvalidVectorError: the query cannot be compared with what is stored.
        """
        generation = self._generation
        row = as_row(value, generation.dim, label)
        square = float(row @ row)
        plain = not generation.normalize and generation.transform is None
        if plain and generation.storage is Storage.VECTOR and math.isfinite(square) and square > 0:
            return row  # what nearly every query is, without the checks made for many rows
        rows, problems = self.vectors(row[np.newaxis], lambda _: label)
        if problems:
            raise problems[0]
        first: Vector = rows[0]
        return first


def read_transform(stored: StoredTransform) -> Transform:
    """Return the transform of its rows in the catalog."""
    return load(
        stored.words,
        stored.steps,
        stored.rows,
        input_dim=stored.input_dim,
        fitted_rows=stored.fitted_rows,
    )


def keep_transform(database: TransactionSource, transform: Transform) -> TransformInfo:
    """Write a transform into the catalog, and return what the catalog says of it."""
    steps, rows = dump(transform)
    stored = StoredTransform(
        words=transform.spec,
        steps=steps,
        rows=list(rows),
        input_dim=transform.input_dim,
        fitted_rows=transform.fitted_rows,
    )
    with database.transaction() as connection:
        return Transforms(database).add(
            connection,
            stored,
            dim=transform.output_dim,
            fingerprint=transform.fingerprint,
            leading=transform.leading,
            unit=transform.unit,
            isometric=transform.isometric,
        )


def _storage_problems(
    vectors: Vector, generation: Generation, label: Callable[[int], str]
) -> dict[int, DocumentError]:
    """Return the errors of the finite rows that the storage or the distance cannot take."""
    with np.errstate(invalid="ignore", over="ignore"):
        sizes = np.abs(vectors).max(axis=1, initial=0)
        in_half: Vector = np.abs(vectors.astype(np.float16)).max(axis=1, initial=0)
    found: dict[int, DocumentError] = {}
    for wrong, message in _refusals(generation, sizes, in_half == 0):
        for row in map(int, np.flatnonzero(wrong)):
            found.setdefault(row, InvalidVectorError(label(row) + message))
    return found


def _refusals(
    generation: Generation, sizes: Vector, zero_in_half: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.bool_], str]]:
    """Yield which rows cannot be stored, and why.

    Args:
        generation: what is to store them.
        sizes: the largest absolute number of each row, shape (n,).
        zero_in_half: whether each row is zero in float16, shape (n,).
    """
    storage, distance = generation.storage, generation.distance
    yield (
        ~(sizes <= storage.largest),
        f" has a value beyond {storage.largest:.6g}, the largest that {storage.label} stores; use "
        'storage="vector" or normalize=True.',
    )
    if distance is not Distance.COSINE:
        if storage is Storage.INT8:
            yield (
                (sizes > 0) & (sizes < SMALLEST_INT8),
                f" has no value beyond {SMALLEST_INT8:g}, and int8 compares {distance.label} in "
                "float16, which rounds such numbers away: scale the vectors, or use "
                'storage="vector".',
            )
        return
    if generation.transform is not None:
        yield (
            sizes == 0,
            f" becomes zero through {' and '.join(generation.transform.words)}: it has no "
            "direction then; leave it out, or use another transform.",
        )
    if storage.compared_as == "halfvec":
        yield (
            zero_in_half & (sizes > 0),
            " is zero in float16; use storage='vector' or normalize=True.",
        )
