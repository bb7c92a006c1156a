"""Distances, spelled as pgvector spells them; one member holds every fact about its distance."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from embeddb.errors import ConfigurationError, did_you_mean

_OTHER_NAMES = {
    "cos": "cosine",
    "dot": "inner_product",
    "dot_product": "inner_product",
    "ip": "inner_product",
    "euclidean": "l2",
    "manhattan": "l1",
    "taxicab": "l1",
}
"""What other libraries call a distance, for the suggestion in a message."""


class Distance(Enum):
    """A distance: its operator, and the suffix of its operator classes."""

    COSINE = ("cosine", "<=>", "cosine_ops")
    L2 = ("l2", "<->", "l2_ops")
    INNER_PRODUCT = ("inner_product", "<#>", "ip_ops")
    L1 = ("l1", "<+>", "l1_ops")
    HAMMING = ("hamming", "<~>", "hamming_ops")
    JACCARD = ("jaccard", "<%>", "jaccard_ops")

    def __init__(self, label: str, operator: str, opclass_suffix: str) -> None:
        self.label = label
        self.operator = operator
        self.opclass_suffix = opclass_suffix

    @classmethod
    def named(cls, label: str) -> Distance:
        """Return the distance of a name.

        Raises:
            ConfigurationError: no distance has this name.
        """
        for member in cls:
            if member.label == label:
                return member
        known = [member.label for member in cls]
        near = did_you_mean(_OTHER_NAMES.get(str(label).lower(), label), known)
        raise ConfigurationError(
            f"Unknown distance {label!r}; choose one of {', '.join(known)}.{near}"
        )

    @property
    def of_bits(self) -> bool:
        """Whether it compares bits, not numbers."""
        return self in (Distance.HAMMING, Distance.JACCARD)

    def to_itself(self, vector: NDArray[np.float32]) -> float:
        """Return the distance of a vector, shape (dim,), to itself."""
        if self is Distance.INNER_PRODUCT:
            return -float(np.dot(vector, vector))
        return 0.0

    def score(self, distance: float) -> float:
        """Return the score of a distance: where that is smaller, it is larger."""
        match self:
            case Distance.COSINE | Distance.JACCARD:
                return 1.0 - distance
            case Distance.INNER_PRODUCT:
                return -distance
            case _:
                return 1.0 / (1.0 + distance)
