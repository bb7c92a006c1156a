"""The settings of a search, as they take effect."""

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
    """Return the settings that take effect in a search for `limit` rows, by name."""
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
    """Return the candidates of an HNSW scan: at least as many as rows are wanted."""
    wanted = math.ceil(limit * oversample_of(index)) * widening(index)
    return min(max(wanted, index.ef_search or DEFAULT_EF_SEARCH), MAX_EF_SEARCH)
