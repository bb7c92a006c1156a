"""Postgres's and pgvector's binary formats."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from embeddb.db.vectors import BinaryVector, chunk_fields, from_binary, to_int8
from embeddb.records import Vector


def test_a_vector_is_written_as_pgvector_reads_it() -> None:
    data = BinaryVector(np.array([1, -2.5], dtype=np.float32)).data
    assert data == struct.pack(">hhff", 2, 0, 1, -2.5)


def test_a_vector_is_read_as_pgvector_wrote_it() -> None:
    single = from_binary([struct.pack(">hhff", 2, 0, 1, -2.5)], "vector", 2)
    half = from_binary([struct.pack(">hhee", 2, 0, 1, -2.5)] * 3, "halfvec", 2)
    assert single.tolist() == [[1, -2.5]]
    assert half.tolist() == [[1, -2.5]] * 3
    assert single.dtype == half.dtype == np.float32
    assert from_binary([], "vector", 2).shape == (0, 2)


def test_the_fixed_fields_of_chunks_are_laid_out_for_copy() -> None:
    vectors = np.array([[1, 2], [3, 4]], dtype=np.float32)
    hashes = [b"a" * 16, b"b" * 16]
    fields = chunk_fields(vectors, "vector", numbers=[0, 7], spans=[(0, 5), (4, 9)], hashes=hashes)
    expected = (
        struct.pack(">ii", 4, 7)
        + struct.pack(">ibiiii", 17, 2, 4, 4, 4, 9)
        + struct.pack(">i", 16)
        + b"b" * 16
        + struct.pack(">ihhff", 12, 2, 0, 3, 4)
    )
    assert bytes(fields[1]) == expected
    assert len(fields) == 2
    none = np.empty((0, 2), dtype=np.float32)
    assert chunk_fields(none, "halfvec", numbers=[], spans=[], hashes=[]) == []


def _embedding_field(vectors: object, kind: str) -> bytes:
    """Return what stands behind the other fields of the only row."""
    rows = np.asarray(vectors, dtype=np.float32)
    fields = chunk_fields(rows, kind, numbers=[0], spans=[(0, 1)], hashes=[b"h" * 16])
    return bytes(fields[0])[8 + 21 + 20 :]


def test_bytes_are_an_array_of_chars_with_a_scale_beside_it() -> None:
    array = struct.pack(">iiiii", 1, 0, 18, 3, 1)
    array += b"".join(struct.pack(">ib", 1, value) for value in (127, -64, 0))
    expected = struct.pack(">i", len(array)) + array + struct.pack(">if", 4, 2.0)
    assert _embedding_field([[254, -128, 0]], "int8") == expected


def test_bits_begin_with_their_number_and_the_first_is_the_highest() -> None:
    row = [1, -1, 0, -0.0, 2, -2, 3, 4, 5, -6]
    expected = struct.pack(">iiBB", 6, 10, 0b10001011, 0b10000000)
    assert _embedding_field([row], "bit") == expected


def test_bits_are_read_as_signs() -> None:
    data = struct.pack(">iBB", 10, 0b10001011, 0b10000000)
    assert from_binary([data], "bit", 10).tolist() == [[1, -1, -1, -1, 1, -1, 1, 1, 1, -1]]
    assert from_binary([], "bit", 10).shape == (0, 10)


@pytest.mark.parametrize("kind", ["vector", "halfvec", "int8", "bit"])
def test_every_row_of_a_kind_is_as_long_as_the_others(kind: str) -> None:
    vectors = np.random.default_rng(0).standard_normal((5, 11)).astype(np.float32)
    fields = chunk_fields(
        vectors, kind, numbers=range(5), spans=[(0, 1)] * 5, hashes=[b"h" * 16] * 5
    )
    assert len({len(field) for field in fields}) == 1
    assert bytes(fields[3][49:]) == _embedding_field(vectors[3:4], kind)


_FLOATS = st.floats(-65_500, 65_500, width=32)


@given(npst.arrays(np.float32, st.tuples(st.integers(0, 5), st.integers(1, 9)), elements=_FLOATS))
def test_bytes_are_off_by_half_a_step_at_most(vectors: Vector) -> None:
    values, scales = to_int8(vectors)
    assert values.dtype == np.int8
    assert scales.dtype == np.float32
    assert (scales > 0).all()
    back = values.astype(np.float64) * scales[:, np.newaxis].astype(np.float64)
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    step = np.maximum(scales[:, np.newaxis], np.finfo(np.float32).tiny)
    normal = largest > 1e-35  # what is smaller is zero
    assert (np.abs(back - vectors) <= np.where(normal, step * 0.5001, 1e-35)).all()
    assert (np.abs(values).max(axis=1, initial=0)[normal[:, 0]] == 127).all()
