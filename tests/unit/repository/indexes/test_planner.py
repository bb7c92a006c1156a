"""What a build is given: by the rows, by what it indexes, and by what the server has."""

from __future__ import annotations

import pytest

from embeddb import HNSW, IVFPQ, IVFFlat
from embeddb.repository.indexes.planner import (
    KB,
    MB,
    MEMORY,
    MEMORY_PER_PROCESS,
    ROWS_PER_WORKER,
    WORKERS,
    BuildLimits,
    limits_of,
    plan_build,
)
from embeddb.schema.distances import Distance
from embeddb.schema.index_rules import Indexed
from embeddb.schema.index_sizes import build_bytes
from embeddb.schema.indexes import IndexSpec

GB = 1024 * MB
WIDE = Indexed(type="vector", dim=768, distance=Distance.COSINE)


def _limits(
    memory: int = 64 * MB,
    cache: int = 1024 * GB,
    workers: int = 2,
    most_workers: int = 8,
    available: int | None = None,
    shared: int | None = None,
) -> BuildLimits:
    return BuildLimits(
        memory=memory,
        cache=cache,
        workers=workers,
        most_workers=most_workers,
        available=available,
        shared=shared,
    )


def _memory(plan: dict[str, str]) -> int:
    return int(plan[MEMORY].removesuffix("kB")) * KB


def test_a_small_build_takes_what_is_set() -> None:
    assert plan_build(HNSW(), WIDE, 1_000, _limits()) == {}


def test_a_large_graph_gets_memory_for_all_of_it_and_workers() -> None:
    plan = plan_build(HNSW(), WIDE, 1_000_000, _limits())
    needed = build_bytes(WIDE, HNSW(), 1_000_000)
    assert needed - KB < _memory(plan) <= needed
    assert plan[WORKERS] == "8"


@pytest.mark.parametrize("rows", [ROWS_PER_WORKER * 5, ROWS_PER_WORKER * 6 - 1])
def test_workers_follow_the_rows(rows: int) -> None:
    assert plan_build(HNSW(), WIDE, rows, _limits())[WORKERS] == "5"


def test_memory_suffices_for_the_workers_where_the_index_needs_little() -> None:
    bits = Indexed(type="bit", dim=64, distance=Distance.HAMMING)
    plan = plan_build(HNSW(m=2, ef_construction=4), bits, ROWS_PER_WORKER * 5, _limits())
    assert plan[WORKERS] == "5"
    assert _memory(plan) == 6 * MEMORY_PER_PROCESS


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        (_limits(cache=4 * GB), GB),
        (_limits(cache=4 * GB, available=300 * MB), 300 * MB),
        (_limits(cache=400 * MB, available=GB), 100 * MB),
    ],
)
def test_memory_stays_within_what_the_server_has(limits: BuildLimits, most: int) -> None:
    assert _memory(plan_build(HNSW(), WIDE, 1_000_000, limits)) == most


def test_nothing_is_lowered() -> None:
    generous = _limits(memory=GB, cache=64 * MB, workers=16, most_workers=4)
    assert plan_build(HNSW(), WIDE, 1_000_000, generous) == {}


def test_a_graph_is_built_alone_where_workers_could_not_share_it() -> None:
    docker = _limits(shared=64 * MB)
    plan = plan_build(HNSW(), WIDE, 1_000_000, docker)
    assert plan[WORKERS] == "0"
    assert _memory(plan) > GB
    roomy = _limits(shared=1024 * GB)
    assert plan_build(HNSW(), WIDE, 1_000_000, roomy)[WORKERS] == "8"


@pytest.mark.parametrize("index", [IVFFlat(lists=100), IVFPQ(lists=100)])
def test_other_indexes_share_little(index: IndexSpec) -> None:
    assert plan_build(index, WIDE, 1_000_000, _limits(shared=64 * MB))[WORKERS] == "8"


def test_memory_is_left_where_nobody_knows_what_is_indexed() -> None:
    assert plan_build(HNSW(), None, 1_000_000, _limits()) == {WORKERS: "8"}


def test_a_server_elsewhere_tells_only_what_it_is_set_to() -> None:
    far = limits_of((64 * MB, GB, 2, 8, False, True))
    assert (far.available, far.shared) == (None, None)
    near = limits_of((64 * MB, GB, 2, 8, True, True))
    assert near.available is not None
    assert near.available > 0
    assert limits_of((64 * MB, GB, 2, 8, True, False)).shared is None
