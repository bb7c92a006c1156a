"""Which settings are tried, and which are chosen."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from embeddb.evaluation.settings import search_settings
from embeddb.evaluation.tuning import Trial, Trials
from embeddb.schema.indexes import HNSW, IVFPQ, IndexSpec, IVFFlat

ENOUGH = 40
"""Trials that a choice may take."""


def _trials(
    target: float, recall: Callable[[dict[str, float]], float], cost: Callable[..., float]
) -> Trials:
    def measure(index: IndexSpec) -> Trial:
        settings = search_settings(index, 10)
        return Trial(
            index=index,
            settings=settings,
            recall=recall(settings),
            p50_ms=cost(**settings),
            index_used=True,
        )

    return Trials(measure, target)


@pytest.mark.parametrize("needed", [10, 11, 40, 137, 999, 1000])
def test_the_least_ef_search_that_is_enough_is_found(needed: int) -> None:
    trials = _trials(
        0.9, lambda s: min(1.0, 0.9 * s["ef_search"] / needed), lambda ef_search: ef_search
    )
    found = trials.cheapest(10, HNSW(m=8))
    assert found is not None
    assert isinstance(found.index, HNSW)
    assert found.index.m == 8
    assert needed <= found.settings["ef_search"] <= max(needed * 1.11, needed + 1)
    assert len(trials.all()) < 12


def test_what_cannot_be_reached_is_none_and_the_best_is_known() -> None:
    trials = _trials(0.9, lambda s: s["ef_search"] / 2000, lambda ef_search: ef_search)
    assert trials.cheapest(10, HNSW()) is None
    assert trials.best().settings == {"ef_search": 1000}


def test_of_equally_good_settings_the_fastest_is_the_best() -> None:
    trials = _trials(1.0, lambda s: 0.5, lambda ef_search: ef_search)
    assert trials.cheapest(10, HNSW(ef_search=50)) is None
    trials.of(HNSW(ef_search=30))
    assert trials.best().settings == {"ef_search": 30}


def test_candidates_and_the_width_of_the_scan_are_weighed_against_each_other() -> None:
    """The graph finds 60 % of what codes could unless it is searched four times as wide."""

    def recall(settings: dict[str, float]) -> float:
        wide = settings["ef_search"] / (settings["oversample"] * 10)
        return min(1.0, settings["oversample"] / 20 * min(1.0, 0.6 + 0.1 * wide))

    dear_rescoring = _trials(0.95, recall, lambda ef_search, oversample: oversample)
    found = dear_rescoring.cheapest(10, HNSW(on="bit2"))
    assert found is not None
    assert found.settings["ef_search"] >= 3 * found.settings["oversample"] * 10
    dear_scanning = _trials(0.95, recall, lambda ef_search, oversample: ef_search)
    found = dear_scanning.cheapest(10, HNSW(on="bit2"))
    assert found is not None
    assert found.settings["ef_search"] <= 1.01 * math.ceil(found.settings["oversample"] * 10)
    assert len(dear_scanning.all()) < ENOUGH


def test_lists_are_probed_as_far_as_they_go() -> None:
    trials = _trials(1.0, lambda s: s["probes"] / 30, lambda probes: probes)
    found = trials.cheapest(10, IVFFlat(lists=30, probes=3))
    assert found is not None
    assert found.index == IVFFlat(lists=30, probes=30)


@pytest.mark.parametrize("index", [IVFPQ(lists=40, probes=4), IVFFlat(lists=40, on="bit")])
def test_probes_and_candidates_are_weighed_against_each_other(index: IndexSpec) -> None:
    def recall(settings: dict[str, float]) -> float:
        return min(1.0, settings["probes"] / 10) * min(1.0, settings["oversample"] / 15)

    trials = _trials(0.9, recall, lambda probes, oversample: probes * 3 + oversample)
    found = trials.cheapest(10, index)
    assert found is not None
    assert found.recall >= 0.9
    assert found.p50_ms == min(t.p50_ms for t in trials.all() if t.recall >= 0.9)
    assert len(trials.all()) < ENOUGH


@pytest.mark.parametrize("limit", [1, 10, 400, 5000])
@pytest.mark.parametrize(
    "index",
    [HNSW(), HNSW(on="bit", oversample=500), IVFFlat(), IVFPQ(), IVFFlat(on="bit3", lists=7)],
)
def test_everything_tried_is_a_valid_index(index: IndexSpec, limit: int) -> None:
    trials = _trials(0.9, lambda s: 0.1, lambda **s: 1.0)
    assert trials.cheapest(limit, index) is None
    assert trials.all()


def test_settings_are_told_as_they_take_effect() -> None:
    assert search_settings(HNSW(), 10) == {"ef_search": 40}
    assert search_settings(HNSW(ef_search=70), 100) == {"ef_search": 100}
    assert search_settings(HNSW(), 5000) == {"ef_search": 1000}
    assert search_settings(HNSW(on="bit"), 10) == {"ef_search": 400, "oversample": 20}
    assert search_settings(IVFFlat(lists=9, probes=3), 10) == {"probes": 3}
    assert search_settings(IVFPQ(probes=5), 10) == {"probes": 5, "oversample": 10}
    assert search_settings(None, 10) == {}
