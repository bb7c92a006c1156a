"""What a search of an index may be set to, as it takes effect."""

from __future__ import annotations

import math

from embeddb.schema.indexes import (
    DEFAULT_EF_SEARCH,
    HNSW,
    IVFPQ,
    MAX_EF_SEARCH,
    IndexSpec,
    derived_of,
    oversample_of,
    widening,
)


def search_settings(index: IndexSpec | None, limit: int) -> dict[str, float]:
    """Give the settings that a search for `limit` rows takes effect with, by name."""
    if index is None:
        return {}
    found: dict[str, float] = {}
    if isinstance(index, HNSW):
        found["ef_search"] = ef_search(index, limit)
    else:
        found["probes"] = index.probes or 1
    if isinstance(index, IVFPQ) or derived_of(index) is not None:
        found["oversample"] = oversample_of(index)
    return found


def ef_search(index: HNSW, limit: int) -> int:
    """Give the candidates of an HNSW scan: at least as many as rows are wanted of it."""
    wanted = math.ceil(limit * oversample_of(index)) * widening(index)
    return min(max(wanted, index.ef_search or DEFAULT_EF_SEARCH), MAX_EF_SEARCH)
