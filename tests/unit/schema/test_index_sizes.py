"""What an index takes, by the rows and by what it holds; real builds are measured elsewhere."""

from __future__ import annotations

from itertools import pairwise

import pytest

from embeddb import HNSW, IVFPQ, IVFFlat
from embeddb.schema.distances import Distance
from embeddb.schema.index_rules import Indexed
from embeddb.schema.index_sizes import PAGE, build_bytes, index_bytes
from embeddb.schema.indexes import IndexSpec

WIDE = Indexed(type="vector", dim=384, distance=Distance.COSINE)
HALF = Indexed(type="halfvec", dim=384, distance=Distance.COSINE)
BITS = Indexed(type="bit", dim=384, distance=Distance.HAMMING)
ROWS = (0, 1_000, 10_000, 1_000_000)


@pytest.mark.parametrize("index", [HNSW(), IVFFlat()])
def test_more_rows_take_more(index: IndexSpec) -> None:
    sizes = [index_bytes(WIDE, index, rows) or 0 for rows in ROWS]
    assert all(a < b for a, b in pairwise(sizes))
    assert all(size % PAGE == 0 for size in sizes)
    needed = [build_bytes(WIDE, index, rows) for rows in ROWS[1:]]
    assert needed == sorted(needed)


@pytest.mark.parametrize("index", [HNSW(), IVFFlat()])
def test_smaller_values_take_less(index: IndexSpec) -> None:
    sizes = [index_bytes(held, index, 100_000) or 0 for held in (WIDE, HALF, BITS)]
    assert sizes == sorted(sizes, reverse=True)
    needed = [build_bytes(held, index, 100_000) for held in (WIDE, HALF, BITS)]
    assert needed == sorted(needed, reverse=True)


def test_more_links_take_more() -> None:
    graphs = [HNSW(m=m, ef_construction=128) for m in (8, 16, 32, 64)]
    for sizes in (
        [index_bytes(BITS, graph, 100_000) or 0 for graph in graphs],
        [build_bytes(BITS, graph, 100_000) for graph in graphs],
    ):
        assert all(a < b for a, b in pairwise(sizes))


def test_nothing_is_known_of_an_ivfpq_on_disk_but_what_its_sorting_takes() -> None:
    assert index_bytes(WIDE, IVFPQ(), 100_000) is None
    assert build_bytes(WIDE, IVFPQ(), 200_000) == 2 * build_bytes(WIDE, IVFPQ(), 100_000)
