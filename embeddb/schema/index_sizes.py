"""What an index takes: bytes on disk, and memory while it is built.

docs/indexes.md has the arithmetic in words. The layouts are those of pgvector (src/hnsw.h,
src/ivfflat.h, and ElkanKmeans in src/ivfkmeans.c).
"""

from __future__ import annotations

import math

from embeddb.schema.index_rules import Indexed
from embeddb.schema.indexes import HNSW, IVFPQ, IndexSpec, IVFFlat

PAGE = 8_192
_PAGE_HEADERS = 32
_ITEM_POINTER = 4
_HNSW_ELEMENT = 72
_HNSW_LINK = 6
_INDEX_TUPLE = 8
_VALUE_HEADER = 8
_BITS = {"vector": 32, "halfvec": 16, "bit": 1}

_SAMPLES_PER_LIST = 50
_LEAST_SAMPLES = 10_000
_SORTED_ENTRY = 96


def index_bytes(held: Indexed, index: IndexSpec, rows: int) -> int | None:
    """Return the estimated bytes of a freshly built index on disk; None: not known."""
    if isinstance(index, IVFPQ):
        return None
    usable = PAGE - _PAGE_HEADERS
    if isinstance(index, IVFFlat):
        value = _aligned(_INDEX_TUPLE + _value_bytes(held)) + _ITEM_POINTER
        lists = index.lists_for(rows)
        # half of each list's last page stays empty, and each centre is a tuple of its own
        pages = rows / max(1, usable // value) + lists * (0.5 + 1 / max(1, usable // value))
        return PAGE * (1 + math.ceil(pages))
    element = _aligned(_HNSW_ELEMENT + _value_bytes(held)) + _ITEM_POINTER
    levels = 2 + 1 / (index.m - 1)  # the lowest has twice as many links
    links = _aligned(_ITEM_POINTER + _HNSW_LINK * index.m * levels) + _ITEM_POINTER
    together = int(usable // (element + links))
    pages = rows / together if together else 2 * rows
    return PAGE * (1 + math.ceil(pages))


def build_bytes(held: Indexed, index: IndexSpec, rows: int) -> int:
    """Return the estimated bytes of memory that let a build go on at full speed, or at all.

    IVF-PQ's own work happens in this process; Postgres sorts the entries of two btree indexes.
    """
    if isinstance(index, IVFPQ):
        return rows * _SORTED_ENTRY
    value = _value_bytes(held)
    if isinstance(index, HNSW):
        links = 2 * index.m * 24 + 128
        return int(rows * (value + 8 + links) * 1.1)
    lists = index.lists_for(rows)
    samples = max(_SAMPLES_PER_LIST * lists, _LEAST_SAMPLES)
    bounds = 4 * lists * (min(samples, rows) + lists)
    return int((samples * (value + 8) + 3 * lists * (value + 16) + bounds) * 1.1)


def _value_bytes(held: Indexed) -> int:
    return _VALUE_HEADER + -(-held.dim * _BITS[held.type] // 8)


def _aligned(size: float) -> int:
    return 8 * math.ceil(size / 8)
