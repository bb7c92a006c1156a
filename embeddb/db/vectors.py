"""Vectors in Postgres's binary formats, all of them big-endian.

`vector` and `halfvec` have a header of (dim, unused) as two int16; an int8 vector is an array of
`"char"` with a float4 scale beside it; `bit` has its length as int32 and then eight bits a byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.adapt import Dumper
from psycopg.pq import Format

from embeddb.records import Vector

HEADER_BYTES = 4
INT8_LARGEST = 127
_SMALLEST_SCALE = np.finfo(np.float32).tiny  # smaller ones are too coarse to divide by
_ELEMENTS = {"vector": ">f4", "halfvec": ">f2"}
_CHAR_OID = 18


class BinaryVector:
    """One vector ready to be sent; cast the parameter (`%(query)b::vector`) to give it a type."""

    __slots__ = ("data",)

    def __init__(self, vector: Vector) -> None:
        self.data = b"%b\0\0%b" % (len(vector).to_bytes(2, "big"), vector.astype(">f4").tobytes())


class _BinaryVectorDumper(Dumper):
    """Sends the bytes as they are, untyped: the cast in the statement names the type.

    So nothing has to be looked up in the database first.
    """

    format = Format.BINARY
    oid = 0

    def dump(self, obj: BinaryVector) -> bytes:
        return obj.data


psycopg.adapters.register_dumper(BinaryVector, _BinaryVectorDumper)


def teach(connection: psycopg.Connection[Any]) -> None:
    """Let a connection of the caller's send vectors.

    A connection copies psycopg's adapters when it is first used: one that was used before this
    module was imported does not know how.
    """
    connection.adapters.register_dumper(BinaryVector, _BinaryVectorDumper)


def chunk_fields(
    vectors: Vector,
    kind: str,
    *,
    numbers: Sequence[int],
    spans: Sequence[tuple[int, int]],
    hashes: Sequence[bytes],
) -> list[memoryview]:
    """Return the fields of fixed size of n chunks, ready for COPY: one piece a row.

    They are chunk_no integer, span int4range, content_hash bytea and the embedding, a row of
    `vectors` (n, dim) as `kind` stores it (int8: two columns, the array and its scale). Laid out
    for all rows at once, since a call per value would cost more than Postgres takes to store the
    row.
    """
    n = len(vectors)
    embedding = _embedding(vectors, kind)
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
            ("embedding", embedding.dtype),
        ]
    )
    rows = np.zeros(n, dtype=layout)
    rows["number_size"] = rows["start_size"] = rows["stop_size"] = 4
    rows["span_size"], rows["span_flags"] = 17, 2
    rows["number"] = numbers
    rows["start"], rows["stop"] = np.asarray(spans, dtype=np.int32).reshape(n, 2).T
    rows["hash_size"] = _hash_bytes(hashes)
    rows["hash"] = np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(n, _hash_bytes(hashes))
    rows["embedding"] = embedding
    data, width = memoryview(rows.tobytes()), layout.itemsize
    return [data[start : start + width] for start in range(0, n * width, width)]


def _embedding(vectors: Vector, kind: str) -> NDArray[np.void]:
    """Return the vectors in their binary format, each with its size in front."""
    match kind:
        case "int8":
            return _int8(vectors)
        case "bit":
            return _bits(vectors)
    n, dim = vectors.shape
    body = [("dim", ">i2"), ("unused", ">i2"), ("values", _ELEMENTS[kind], (dim,))]
    rows = np.zeros(n, dtype=[("size", ">i4"), ("vector", body)])
    rows["size"] = rows.dtype["vector"].itemsize
    rows["vector"]["dim"] = dim
    rows["vector"]["values"] = vectors
    return rows


def _int8(vectors: Vector) -> NDArray[np.void]:
    n, dim = vectors.shape
    values, scales = to_int8(vectors)
    head = [("axes", ">i4"), ("nulls", ">i4"), ("oid", ">i4"), ("dim", ">i4"), ("lower", ">i4")]
    array = [*head, ("values", [("size", ">i4"), ("value", "i1")], (dim,))]
    rows = np.zeros(
        n, dtype=[("size", ">i4"), ("array", array), ("scale_size", ">i4"), ("scale", ">f4")]
    )
    rows["size"] = rows.dtype["array"].itemsize
    rows["array"]["axes"] = rows["array"]["lower"] = rows["array"]["values"]["size"] = 1
    rows["array"]["oid"], rows["array"]["dim"] = _CHAR_OID, dim
    rows["array"]["values"]["value"] = values
    rows["scale_size"], rows["scale"] = 4, scales
    return rows


def _bits(vectors: Vector) -> NDArray[np.void]:
    n, dim = vectors.shape
    packed = np.packbits(vectors > 0, axis=1)  # binary_quantize's rule, most significant bit first
    bits = [("length", ">i4"), ("values", "u1", (packed.shape[1],))]
    rows = np.zeros(n, dtype=[("size", ">i4"), ("bits", bits)])
    rows["size"] = rows.dtype["bits"].itemsize
    rows["bits"]["length"] = dim
    rows["bits"]["values"] = packed
    return rows


def to_int8(vectors: Vector) -> tuple[NDArray[np.int8], Vector]:
    """Return rows as int8: each scaled so that its largest number becomes 127, and rounded.

    Returns:
        The rounded numbers (n, dim), and the scales (n,) that give them their size again.
    """
    largest = np.abs(vectors).max(axis=1, initial=0)
    scales = (largest / INT8_LARGEST).astype(np.float32)
    scales[scales < _SMALLEST_SCALE] = 1
    return np.rint(vectors / scales[:, np.newaxis]).astype(np.int8), scales


def _hash_bytes(hashes: Sequence[bytes]) -> int:
    return len(hashes[0]) if hashes else 0


def from_binary(values: list[bytes], kind: str, dim: int) -> Vector:
    """Return what `vector_send`, `halfvec_send` or `bit_send` sent: float32, (len(values), dim).

    Bits come as 1 and -1.
    """
    raw: NDArray[np.uint8] = np.frombuffer(b"".join(values), dtype=np.uint8)
    body = raw.reshape(len(values), -1)[:, HEADER_BYTES:] if values else raw.reshape(0, 0)
    if kind == "bit":
        bits = np.unpackbits(body, axis=1)[:, :dim].astype(np.float32)
        return 2 * bits.reshape(len(values), dim) - 1
    numbers = np.ascontiguousarray(body).view(_ELEMENTS[kind]).reshape(len(values), dim)
    return numbers.astype(np.float32)
