"""What a scan is told: enough candidates, and an end."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from embeddb.repository.rendering import as_text
from embeddb.repository.scan_settings import (
    LEAST_SCANNED,
    MAX_FILTERED_EF_SEARCH,
    MOST_SCANNED,
    scan_settings,
    setting_names,
)
from embeddb.schema.indexes import HNSW, IndexSpec, IVFFlat

SHARE = sa.literal_column("share", sa.Double)
LIMIT = sa.literal_column("wanted", sa.Integer)


def _settings(
    index: IndexSpec | None,
    wanted: sa.ColumnElement[int] | int,
    share: sa.ColumnElement[float] | None = None,
) -> dict[str, str]:
    return {name: as_text(value)[0] for name, value in scan_settings(index, wanted, share)}


@pytest.mark.parametrize("share", [None, SHARE])
@pytest.mark.parametrize("wanted", [1, 10, 5_000, LIMIT])
@pytest.mark.parametrize("index", [None, HNSW(), HNSW(ef_search=700), IVFFlat(9, 3)])
def test_only_the_index_s_own_settings_are_made(
    index: IndexSpec | None,
    wanted: sa.ColumnElement[int] | int,
    share: sa.ColumnElement[float] | None,
) -> None:
    found = _settings(index, wanted, share)
    assert set(found) <= set(setting_names(index))
    if index is None:
        assert found == {}
    else:
        assert found[index.method + ".iterative_scan"] == "'relaxed_order'"


@pytest.mark.parametrize(
    ("index", "wanted", "ef_search"),
    [
        (HNSW(), 1, None),
        (HNSW(), 40, None),
        (HNSW(), 41, "'41'"),
        (HNSW(), 999, "'999'"),
        (HNSW(), 1_001, "'1000'"),
        (HNSW(), 10**6, "'1000'"),
        (HNSW(ef_search=7), 5, "'7'"),
        (HNSW(ef_search=7), 40, None),
        (HNSW(ef_search=200), 10, "'200'"),
    ],
)
def test_a_graph_is_searched_for_as_many_candidates_as_rows_are_wanted(
    index: HNSW, wanted: int, ef_search: str | None
) -> None:
    assert _settings(index, wanted).get("hnsw.ef_search") == ef_search


def test_a_limit_that_is_a_parameter_is_clamped_in_the_statement() -> None:
    text = _settings(HNSW(ef_search=70), LIMIT)["hnsw.ef_search"]
    assert text == "CAST(least(greatest(wanted, 70), 1000) AS TEXT)"


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\b\d+\b", text)]


@pytest.mark.parametrize("ef_search", [None, 100, 900])
def test_a_filtered_scan_is_bounded_on_both_sides(ef_search: int | None) -> None:
    found = _settings(HNSW(ef_search=ef_search), 10, SHARE)
    low, high = _numbers(found["hnsw.ef_search"])[-2:]
    assert (low, high) == (ef_search or 40, max(MAX_FILTERED_EF_SEARCH, ef_search or 0))
    assert _numbers(found["hnsw.max_scan_tuples"])[-2:] == [LEAST_SCANNED, MOST_SCANNED]
    assert "share" in found["hnsw.ef_search"]
    assert "share" in found["hnsw.max_scan_tuples"]


@pytest.mark.parametrize(("probes", "told"), [(None, "'1'"), (1, "'1'"), (30, "'30'")])
def test_ivfflat_is_told_its_probes_whatever_is_wanted(probes: int | None, told: str) -> None:
    for wanted, share in ((1, None), (5_000, None), (10, SHARE)):
        assert _settings(IVFFlat(40, probes), wanted, share)["ivfflat.probes"] == told
