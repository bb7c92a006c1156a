"""From what comes to what is stored: which rows are refused, and how the others look."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from embeddb.db.pooled import PooledDatabase
from embeddb.errors import DimensionMismatchError, InvalidVectorError
from embeddb.pipeline.generation.form import StoredForm
from embeddb.records import Vector
from embeddb.schema.catalog import Generation
from embeddb.schema.distances import Distance
from embeddb.schema.storage import Storage
from embeddb.transforms import Transform, TransformSpec, fit
from tests.support.generations import generation, transform

BAD = np.array([[1, 0, 0], [np.nan, 0, 0], [0, np.inf, 0], [0, 0, 0], [0, 3, 4]], dtype=np.float32)
PAIRS = [
    (storage, distance)
    for storage, distance in itertools.product(Storage, Distance)
    if (storage is Storage.BIT) == distance.of_bits
]


def _form(of: Generation) -> StoredForm:
    """A form on a database that is never asked."""
    return StoredForm(PooledDatabase("postgresql://nobody@nowhere.invalid/none"), of)


def _transformed(*words: str, dim: int = 3, of: Generation | None = None) -> StoredForm:
    made: Transform = fit(TransformSpec(words=words), None, input_dim=dim, distance="cosine")
    info = transform(made.output_dim, *made.spec)
    base = generation(dim=dim) if of is None else of
    form = _form(
        Generation(**{name: getattr(base, name) for name in base.__slots__} | {"transform": info})
    )
    form.__dict__["transform"] = made  # what would be read from the catalog
    return form


def _refused(of: Generation, rows: Any) -> set[int]:  # noqa: ANN401
    vectors = np.asarray(rows, dtype=np.float32)
    return set(_form(of).vectors(vectors, lambda row: f"row {row}")[1])


def test_rows_are_refused_one_by_one() -> None:
    assert _refused(generation(), BAD) == {1, 2, 3}
    assert _refused(generation(distance=Distance.L2), BAD) == {1, 2}
    assert _refused(generation(distance=Distance.INNER_PRODUCT, normalize=True), BAD) == {1, 2, 3}
    _, problems = _form(generation()).vectors(BAD, lambda row: f"row {row}")
    assert all(f"row {row}" in str(error) for row, error in problems.items())


@pytest.mark.parametrize(("storage", "distance"), PAIRS)
def test_no_kind_of_column_takes_what_is_not_finite(storage: Storage, distance: Distance) -> None:
    assert _refused(generation(storage, distance), BAD) >= {1, 2}
    assert _refused(generation(storage, distance), BAD[[0, 4]]) == set()


@pytest.mark.parametrize("storage", list(Storage))
def test_a_row_of_zeros_is_refused_only_where_directions_are_compared(storage: Storage) -> None:
    for distance in Distance:
        if (storage is Storage.BIT) == distance.of_bits:
            due = {0} if distance is Distance.COSINE else set()
            assert _refused(generation(storage, distance), [[0, -0.0, 0]]) == due
            assert _refused(generation(storage, distance, normalize=True), [[0, 0, 0]]) == {0}


def test_half_precision_has_a_largest_and_a_smallest_number() -> None:
    rows = [[65504, 0, 0], [65536, 0, 0], [1e-9, 0, 0], [1e-9, 1, 0]]
    assert _refused(generation(Storage.HALFVEC), rows) == {1, 2}
    assert _refused(generation(Storage.HALFVEC, normalize=True), rows) == set()
    assert _refused(generation(Storage.HALFVEC, Distance.L2), rows) == {1}
    assert _refused(generation(Storage.VECTOR), rows) == set()


def test_bytes_are_compared_as_halves_and_have_their_limits() -> None:
    rows = [[65500, 0, 0], [65504, 0, 0], [1e-9, 0, 0], [1e-9, 1, 0]]
    assert _refused(generation(Storage.INT8), rows) == {1, 2}
    assert _refused(generation(Storage.INT8, Distance.L2), rows) == {1, 2}
    assert _refused(generation(Storage.INT8, normalize=True), rows) == set()
    with pytest.raises(InvalidVectorError, match="float16"):
        _form(generation(Storage.INT8)).query([1e-9, 0, 0])


def test_bits_take_any_finite_size() -> None:
    rows = [[1e18, -1e18, 0], [1e-30, 0, 0]]
    assert _refused(generation(Storage.BIT, Distance.HAMMING), rows) == set()


def test_a_row_that_is_too_large_is_told_what_would_take_it() -> None:
    _, problems = _form(generation(Storage.HALFVEC)).vectors(
        np.array([[7e4, 0, 0]], dtype=np.float32), lambda row: "Document 'x'"
    )
    message = str(problems[0])
    assert "Document 'x'" in message
    assert "65504" in message
    assert 'storage="vector"' in message


def test_rows_are_normalized_where_the_collection_is() -> None:
    vectors, problems = _form(generation(normalize=True)).vectors(BAD[[0, 4]], str)
    assert problems == {}
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, np.array([[1, 0, 0], [0, 0.6, 0.8]]))
    assert np.allclose(_form(generation(normalize=True)).query([0, 30, 40]), [0, 0.6, 0.8])


def test_no_rows_have_the_stored_dimension() -> None:
    nothing = np.empty((0, 3), dtype=np.float32)
    assert _form(generation()).vectors(nothing, str)[0].shape == (0, 3)
    assert _transformed("matryoshka:2").vectors(nothing, str)[0].shape == (0, 2)


@pytest.mark.parametrize(("storage", "distance"), PAIRS)
def test_a_query_is_checked_like_a_row(storage: Storage, distance: Distance) -> None:
    form = _form(generation(storage, distance))
    queries: list[Any] = [[1, 2], [[1, 2, 3]], "abc", [1, None, 2], [1e39, 0, 0], [np.nan, 1, 1]]
    for query in queries:
        with pytest.raises(InvalidVectorError, match="The query vector"):
            form.query(query)
    with pytest.raises(DimensionMismatchError, match="has 2 dimensions; the collection stores 3"):
        form.query([1, 2])
    if distance is Distance.COSINE:
        with pytest.raises(InvalidVectorError, match="no direction"):
            form.query([0, 0, 0])
    else:
        assert form.query([0, 0, 0]).tolist() == [0, 0, 0]
    assert form.query((1, 2, 3)).tolist() == [1, 2, 3]


def test_documents_and_queries_go_through_the_same_transform() -> None:
    form = _transformed("matryoshka:2")
    rows, problems = form.vectors(np.array([[3, 4, 5]], dtype=np.float32), str)
    assert problems == {}
    assert np.allclose(rows, [[0.6, 0.8]])
    assert np.allclose(form.query([3, 4, 5]), rows[0])
    assert form.dim == 2
    with pytest.raises(DimensionMismatchError, match="stores 3"):
        form.query([3, 4])


def test_a_row_that_a_transform_makes_zero_is_refused_by_name() -> None:
    form = _transformed("matryoshka:2")
    _, problems = form.vectors(np.array([[0, 0, 5], [1, 0, 5]], dtype=np.float32), str)
    assert set(problems) == {0}
    assert "becomes zero through matryoshka:2" in str(problems[0])
    with pytest.raises(InvalidVectorError, match="becomes zero"):
        form.query([0, 0, 5])


def test_a_row_is_normalized_before_it_is_transformed() -> None:
    of = generation(distance=Distance.L2, normalize=True)
    form = _transformed("rotation", of=of)
    rows, _ = form.vectors(np.array([[0, 30, 40]], dtype=np.float32), str)
    assert np.linalg.norm(rows[0]) == pytest.approx(1, abs=1e-6)


_ROWS = npst.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.just(3)),
    elements=st.floats(width=32),
)


@given(_ROWS, st.sampled_from(PAIRS), st.booleans())
def test_what_is_taken_is_finite_and_within_what_the_column_holds(
    rows: Vector, pair: tuple[Storage, Distance], normalize: bool
) -> None:
    storage, distance = pair
    stored, problems = _form(generation(storage, distance, normalize=normalize)).vectors(rows, str)
    taken = stored[[row for row in range(len(rows)) if row not in problems]]
    assert np.isfinite(taken).all()
    assert (np.abs(taken) <= storage.largest).all()
    if distance is Distance.COSINE:
        kept = taken.astype(np.float16) if storage.compared_as == "halfvec" else taken
        assert kept.any(axis=1).all()
