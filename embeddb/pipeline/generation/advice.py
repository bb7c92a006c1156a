"""Which distance suits a model, where it says what its vectors are compared by."""

from __future__ import annotations

import warnings

from embeddb.errors import EmbedDBWarning
from embeddb.protocols import Encoder
from embeddb.schema.distances import Distance

_DISTANCES = {
    "cosine": Distance.COSINE,
    "dot": Distance.INNER_PRODUCT,
    "euclidean": Distance.L2,
    "manhattan": Distance.L1,
}
"""Distances by sentence-transformers' names of similarities."""

_SAME_FOR_UNIT_LENGTH = frozenset({Distance.COSINE, Distance.INNER_PRODUCT, Distance.L2})
"""Distances that order vectors of length 1 alike."""


def advise_distance(encoder: Encoder, distance: Distance) -> None:
    """Warn if a model's vectors are made for a distance that orders them in another way.

    A distance of bits is a choice that no model makes, so nothing is said about it.
    """
    suits = _DISTANCES.get(getattr(encoder, "similarity", None) or "")
    if suits is None or suits is distance or distance.of_bits:
        return
    if encoder.info.normalized and {suits, distance} <= _SAME_FOR_UNIT_LENGTH:
        return
    warnings.warn(
        f"{encoder.info.name} is made for distance={suits.label!r}; the collection compares by "
        f"{distance.label}.",
        EmbedDBWarning,
        stacklevel=4,
    )
