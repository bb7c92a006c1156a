"""pgvector's binary format."""

from __future__ import annotations

import struct

import numpy as np

from embeddb.db.vectors import BinaryVector, chunk_fields, from_binary


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
