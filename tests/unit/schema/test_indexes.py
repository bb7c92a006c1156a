"""Index specs: what pgvector can build, and what it is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb.errors import IndexSpecError
from embeddb.schema.derived import Derived
from embeddb.schema.indexes import (
    HNSW,
    IndexSpec,
    IVFFlat,
    derived_of,
    from_json,
    oversample_of,
    to_json,
)

RANGES: list[tuple[type[HNSW] | type[IVFFlat], str, int, int, dict[str, Any]]] = [
    (HNSW, "m", 2, 100, {"ef_construction": 200}),
    (HNSW, "ef_construction", 4, 1000, {"m": 2}),
    (HNSW, "ef_search", 1, 1000, {}),
    (HNSW, "oversample", 1, 1000, {"on": "bit"}),
    (IVFFlat, "lists", 1, 32_768, {}),
    (IVFFlat, "probes", 1, 32_768, {}),
    (IVFFlat, "oversample", 1, 1000, {"on": "bit"}),
]


@pytest.mark.parametrize(("kind", "name", "low", "high", "others"), RANGES)
def test_a_value_has_a_range(
    kind: type[HNSW] | type[IVFFlat], name: str, low: int, high: int, others: dict[str, Any]
) -> None:
    for value in (low, high):
        assert getattr(kind(**(others | {name: value})), name) == value
    for wrong in (low - 1, high + 1, True, str(low), float("nan"), float("inf")):
        with pytest.raises(IndexSpecError, match=f"{name} must be"):
            kind(**(others | {name: wrong}))


@pytest.mark.parametrize(("kind", "name", "low", "high", "others"), RANGES)
def test_only_an_oversample_may_be_a_fraction(
    kind: type[HNSW] | type[IVFFlat], name: str, low: int, high: int, others: dict[str, Any]
) -> None:
    if name == "oversample":
        assert oversample_of(kind(**others, oversample=2.5)) == 2.5
        return
    with pytest.raises(IndexSpecError, match=f"{name} must be"):
        kind(**(others | {name: low + 2.5}))


def test_a_graph_needs_twice_as_many_candidates_as_links() -> None:
    assert HNSW(m=40, ef_construction=80).ef_construction == 80
    with pytest.raises(IndexSpecError, match=r"at least 2 \* m = 80, not 79"):
        HNSW(m=40, ef_construction=79)


def test_no_more_lists_are_probed_than_there_are() -> None:
    assert IVFFlat(lists=3, probes=3).probes == 3
    with pytest.raises(IndexSpecError, match=r"probes \(4\) exceeds lists \(3\)"):
        IVFFlat(lists=3, probes=4)


@pytest.mark.parametrize("kind", [HNSW, IVFFlat])
def test_an_oversample_without_anything_to_rescore_is_refused(
    kind: type[HNSW] | type[IVFFlat],
) -> None:
    with pytest.raises(IndexSpecError, match='leave it out, or say on="bit"'):
        kind(oversample=5)


@pytest.mark.parametrize("kind", [HNSW, IVFFlat])
def test_what_an_index_is_on_is_checked_when_it_is_named(
    kind: type[HNSW] | type[IVFFlat],
) -> None:
    with pytest.raises(IndexSpecError, match="'bit4'"):
        kind(on="bit4")
    assert derived_of(kind(on="subvector:12")) == Derived(kind="subvector", dim=12)
    assert derived_of(kind()) is None
    assert derived_of(None) is None


@pytest.mark.parametrize(
    ("index", "oversample"),
    [
        (None, 1.0),
        (HNSW(), 1.0),
        (HNSW(on="halfvec"), 1.0),
        (HNSW(on="bit"), Derived.parse("bit").oversample),
        (IVFFlat(on="bit3"), Derived.parse("bit3").oversample),
        (HNSW(on="halfvec", oversample=3), 3.0),
        (IVFFlat(on="pca:8", oversample=1), 1.0),
    ],
)
def test_candidates_are_so_many_for_each_row_wanted(
    index: IndexSpec | None, oversample: float
) -> None:
    assert oversample_of(index) == oversample


@pytest.mark.parametrize(
    ("rows", "lists", "probes"),
    [
        (0, 1, 1),
        (999, 1, 1),
        (10_000, 10, 4),
        (1_000_000, 1000, 32),
        (4_000_000, 2000, 45),
        (10**12, 32_768, 182),
    ],
)
def test_lists_and_probes_follow_the_rows(rows: int, lists: int, probes: int) -> None:
    assert IVFFlat().resolved(rows) == IVFFlat(lists, probes)
    assert IVFFlat(on="bit", oversample=4).resolved(rows) == IVFFlat(
        lists, probes, on="bit", oversample=4
    )


def test_what_was_chosen_stays_chosen() -> None:
    assert IVFFlat(7, 3).resolved(10**6) == IVFFlat(7, 3)
    assert HNSW(on="bit2").resolved(10**6) == HNSW(on="bit2")


def test_more_probes_than_the_rows_make_lists_are_all_of_them() -> None:
    assert IVFFlat(probes=20).resolved(3_000) == IVFFlat(3, 3)
    assert IVFFlat(probes=20).resolved(100_000) == IVFFlat(100, 20)


_ON = st.sampled_from([None, "halfvec", "bit", "bit2", "bit3", "subvector:7", "pca:3"])
_OVERSAMPLE = st.none() | st.floats(1, 1000) | st.integers(1, 1000)


@st.composite
def _specs(draw: st.DrawFn) -> IndexSpec:
    on = draw(_ON)
    rest: dict[str, Any] = {"on": on, "oversample": draw(_OVERSAMPLE) if on else None}
    if draw(st.booleans()):
        m = draw(st.integers(2, 100))
        search = draw(st.none() | st.integers(1, 1000))
        return HNSW(m, draw(st.integers(max(4, 2 * m), 1000)), search, **rest)
    lists = draw(st.none() | st.integers(1, 32_768))
    return IVFFlat(lists, draw(st.none() | st.integers(1, lists or 32_768)), **rest)


@given(st.none() | _specs())
def test_a_spec_survives_the_catalog(index: IndexSpec | None) -> None:
    assert from_json(json.loads(json.dumps(to_json(index)))) == index


@pytest.mark.parametrize(
    ("value", "index"),
    [
        (
            {"method": "hnsw", "m": 8, "ef_construction": 100, "ef_search": None},
            HNSW(8, 100),
        ),
        ({"method": "ivfflat", "lists": 20, "probes": 4}, IVFFlat(20, 4)),
    ],
)
def test_a_spec_of_an_older_catalog_is_on_the_stored_vectors(
    value: dict[str, Any], index: IndexSpec
) -> None:
    assert from_json(value) == index
    assert index.on is None


def test_an_index_is_built_with_its_own_options_only() -> None:
    assert HNSW(8, 100, 50, on="bit").options() == {"m": 8, "ef_construction": 100}
    assert IVFFlat(20, 4, on="bit").options() == {"lists": 20}
