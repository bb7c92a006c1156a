"""Vectors in pgvector's binary format: big-endian, a header of (dim, unused) as two int16."""

from __future__ import annotations

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.adapt import Dumper
from psycopg.pq import Format

from embeddb.records import Vector

HEADER_BYTES = 4


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


def rows_to_binary(vectors: Vector, kind: str) -> list[memoryview]:
    """Give each row of (n, dim) as a COPY field of type `kind`, its length in front."""
    element = {"vector": ">f4", "halfvec": ">f2"}[kind]
    n, dim = vectors.shape
    size = HEADER_BYTES + dim * np.dtype(element).itemsize
    fields = np.empty((n, 4 + size), dtype=np.uint8)
    fields[:, 0:4] = np.frombuffer(size.to_bytes(4, "big"), dtype=np.uint8)
    fields[:, 4:6] = np.frombuffer(dim.to_bytes(2, "big"), dtype=np.uint8)
    fields[:, 6:8] = 0
    fields[:, 8:] = vectors.astype(element).view(np.uint8).reshape(n, -1)
    data = memoryview(fields.tobytes())
    width = fields.shape[1]
    return [data[start : start + width] for start in range(0, n * width, width)]


def from_binary(values: list[bytes], kind: str, dim: int) -> Vector:
    """Read what `vector_send` or `halfvec_send` gave: float32, shape (len(values), dim)."""
    element = {"vector": ">f4", "halfvec": ">f2"}[kind]
    raw: NDArray[np.uint8] = np.frombuffer(b"".join(values), dtype=np.uint8)
    body = raw.reshape(len(values), -1)[:, HEADER_BYTES:] if values else raw.reshape(0, 0)
    return np.ascontiguousarray(body).view(element).astype(np.float32).reshape(len(values), dim)
