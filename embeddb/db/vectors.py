"""Vectors in pgvector's binary format: big-endian, a header of (dim, unused) as two int16."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.adapt import Dumper
from psycopg.pq import Format

from embeddb.records import Vector

HEADER_BYTES = 4
_ELEMENTS = {"vector": ">f4", "halfvec": ">f2"}


class BinaryVector:
    """One vector ready to be sent; cast the parameter (`%(query)b::vector`) to give it a type."""

    __slots__ = ("data",)

    def __init__(self, vector: Vector) -> None:
        self.data = b"%b\0\0%b" % (len(vector).to_bytes(2, "big"), vector.astype(">f4").tobytes())


class _BinaryVectorDumper(Dumper):
    """Sends the bytes as they are, untyped: the cast in the statement names the type.

    So nothing is looked up or registered on a connection that may be the caller's.
    """

    format = Format.BINARY
    oid = 0

    def dump(self, obj: BinaryVector) -> bytes:
        return obj.data


psycopg.adapters.register_dumper(BinaryVector, _BinaryVectorDumper)


def chunk_fields(
    vectors: Vector,
    kind: str,
    *,
    numbers: Sequence[int],
    spans: Sequence[tuple[int, int]],
    hashes: Sequence[bytes],
) -> list[memoryview]:
    """Give the fields of fixed size of n chunks, ready for COPY: one piece a row.

    They are chunk_no integer, span int4range, content_hash bytea and the embedding, a row of
    `vectors` (n, dim) as a column of type `kind`. Laid out for all rows at once, since a call
    per value would cost more than Postgres takes to store the row.
    """
    n, dim = vectors.shape
    body = [("dim", ">i2"), ("unused", ">i2"), ("values", _ELEMENTS[kind], (dim,))]
    layout = np.dtype(
        [
            ("number_size", ">i4"),
            ("number", ">i4"),
            ("span_size", ">i4"),
            ("span_flags", "u1"),  # 2: the lower bound is part of the range
            ("start_size", ">i4"),
            ("start", ">i4"),
            ("stop_size", ">i4"),
            ("stop", ">i4"),
            ("hash_size", ">i4"),
            ("hash", "u1", (_hash_bytes(hashes),)),
            ("vector_size", ">i4"),
            ("vector", body),
        ]
    )
    rows = np.zeros(n, dtype=layout)
    rows["number_size"] = rows["start_size"] = rows["stop_size"] = 4
    rows["span_size"], rows["span_flags"] = 17, 2
    rows["number"] = numbers
    rows["start"], rows["stop"] = np.asarray(spans, dtype=np.int32).reshape(n, 2).T
    rows["hash_size"] = _hash_bytes(hashes)
    rows["hash"] = np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(n, _hash_bytes(hashes))
    rows["vector_size"] = layout["vector"].itemsize
    rows["vector"]["dim"] = dim
    rows["vector"]["values"] = vectors
    data, width = memoryview(rows.tobytes()), layout.itemsize
    return [data[start : start + width] for start in range(0, n * width, width)]


def _hash_bytes(hashes: Sequence[bytes]) -> int:
    return len(hashes[0]) if hashes else 0


def from_binary(values: list[bytes], kind: str, dim: int) -> Vector:
    """Read what `vector_send` or `halfvec_send` gave: float32, shape (len(values), dim)."""
    raw: NDArray[np.uint8] = np.frombuffer(b"".join(values), dtype=np.uint8)
    body = raw.reshape(len(values), -1)[:, HEADER_BYTES:] if values else raw.reshape(0, 0)
    numbers = np.ascontiguousarray(body).view(_ELEMENTS[kind]).reshape(len(values), dim)
    return numbers.astype(np.float32)
