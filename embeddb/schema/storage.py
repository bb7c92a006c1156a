"""How a vector is stored: one member holds every fact about its kind of column."""

from __future__ import annotations

from enum import Enum

from embeddb.errors import ConfigurationError

MAX_DIM = 16_000
"""pgvector stores no more dimensions in a `vector` or a `halfvec`."""


class Storage(Enum):
    """A column type of pgvector."""

    VECTOR = ("vector", 4, 2_000, 3.4028235e38)
    HALFVEC = ("halfvec", 2, 4_000, 65_504.0)

    def __init__(self, label: str, bytes_per_dim: int, max_index_dim: int, largest: float) -> None:
        self.label = label
        self.bytes_per_dim = bytes_per_dim
        self.max_index_dim = max_index_dim
        self.largest = largest

    @classmethod
    def named(cls, label: str) -> Storage:
        """Find a storage kind by its name.

        Raises:
            ConfigurationError: no storage kind has this name.
        """
        for member in cls:
            if member.label == label:
                return member
        known = ", ".join(member.label for member in cls)
        raise ConfigurationError(f"Unknown storage {label!r}; choose one of {known}.")

    @property
    def send(self) -> str:
        """Name pgvector's function that gives the binary format."""
        return self.label + "_send"

    def bytes_per_vector(self, dim: int) -> int:
        """Bytes of one stored value, header included."""
        return self.bytes_per_dim * dim + 8
