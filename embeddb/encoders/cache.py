"""The latest vectors of a run, so that an input that comes again is not encoded again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock

from embeddb.encoders.media import medium_of
from embeddb.records import Input, Role, Vector

CAPACITY = 50_000
"""Vectors kept: 77 MB at 384 dimensions, 205 MB at 1,024."""


class VectorCache:
    """Vectors of one encoder by input and role, the least recently used forgotten first.

    Memory is bounded by `capacity`: an input that comes again after that many others is encoded
    again. Inputs are kept as 128-bit digests only.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._vectors)

    def get(self, value: Input, role: Role) -> Vector | None:
        """Return an input's vector, shape (dim,) and not to be written to, or None if unknown."""
        key = _key(value, role)
        with self._lock:
            vector = self._vectors.get(key)
            if vector is not None:
                self._vectors.move_to_end(key)
            return vector

    def put(self, value: Input, role: Role, vector: Vector) -> None:
        """Remember a copy of an input's vector, shape (dim,)."""
        key = _key(value, role)
        with self._lock:
            # A view would keep the whole window's array alive.
            self._vectors[key] = vector.copy()
            self._vectors.move_to_end(key)
            while len(self._vectors) > self._capacity:
                self._vectors.popitem(last=False)


def _key(value: Input, role: Role) -> bytes:
    content = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value.digest
    prefix = f"{role}\0{medium_of(value)}\0".encode()
    return hashlib.blake2b(prefix + content, digest_size=16).digest()
