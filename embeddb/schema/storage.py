"""How a vector is stored: one member holds every fact about its kind of column."""

from __future__ import annotations

from enum import Enum

from embeddb.errors import ConfigurationError, did_you_mean
from embeddb.schema.distances import Distance

MAX_DIM = 16_000
"""pgvector stores no more dimensions in a `vector` or a `halfvec`."""


class Storage(Enum):
    """A kind of column: what is in it, and the type of pgvector's that it is compared as.

    An `int8` column is a `"char"[]`, one byte a dimension. `embedding::int4[]::halfvec` decodes it
    in C and immutably, so that an index can be built on it. The row's own `scale` gives the
    numbers their size again; cosine distance does not need it.
    """

    VECTOR = ("vector", "vector", 32, 3.4028235e38)
    HALFVEC = ("halfvec", "halfvec", 16, 65_504.0)
    INT8 = ("int8", "halfvec", 8, 65_500.0)  # 127 times its rounded scale must be a halfvec
    BIT = ("bit", "bit", 1, 3.4028235e38)

    def __init__(self, label: str, compared_as: str, bits_per_dim: int, largest: float) -> None:
        self.label = label
        self.compared_as = compared_as
        self.bits_per_dim = bits_per_dim
        self.largest = largest

    @classmethod
    def named(cls, label: str) -> Storage:
        """Return the storage kind of a name.

        Raises:
            ConfigurationError: no storage kind has this name.
        """
        for member in cls:
            if member.label == label:
                return member
        known = [member.label for member in cls]
        raise ConfigurationError(
            f"Unknown storage {label!r}; choose one of {', '.join(known)}."
            + did_you_mean(label, known)
        )

    def check(self, distance: Distance) -> None:
        """Check that what is stored can be compared by a distance.

        Raises:
            ConfigurationError: bits have no such distance, or only bits have it.
        """
        if (self is Storage.BIT) != distance.of_bits:
            if self is Storage.BIT:
                remedy = (
                    'use distance="hamming" or "jaccard"; for another distance keep numbers and '
                    'let the index hold the bits: storage="int8", index=HNSW(on="bit")'
                )
            else:
                remedy = 'it compares bits: use storage="bit", or another distance'
            raise ConfigurationError(
                f"storage={self.label!r} has no distance {distance.label!r}: {remedy}."
            )

    def bytes_per_vector(self, dim: int) -> int:
        """Return the bytes of one stored value, its header and an int8 scale included."""
        overhead = {Storage.INT8: 28, Storage.BIT: 8}.get(self, 8)
        return -(-self.bits_per_dim * dim // 8) + overhead
