"""What a scan is told: enough candidates, and to go on where they are dead."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from embeddb.db.rendering import as_text
from embeddb.repository.search.scan_settings import scan_settings, setting_names
from embeddb.schema.indexes import CODES_WIDER, HNSW, IndexSpec, IVFFlat

LIMIT: sa.ColumnElement[int] = sa.literal_column("wanted", sa.Integer)


def _settings(index: IndexSpec | None, wanted: sa.ColumnElement[int] | int) -> dict[str, str]:
    return {name: as_text(value)[0] for name, value in scan_settings(index, wanted)}


@pytest.mark.parametrize("wanted", [1, 10, 5_000, LIMIT])
@pytest.mark.parametrize(
    "index", [None, HNSW(), HNSW(ef_search=700), HNSW(on="bit"), IVFFlat(9, 3), IVFFlat(on="bit")]
)
def test_only_the_index_s_own_settings_are_made(
    index: IndexSpec | None, wanted: sa.ColumnElement[int] | int
) -> None:
    found = _settings(index, wanted)
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
        (HNSW(on="halfvec"), 41, "'41'"),
        (HNSW(on="subvector:8"), 41, "'41'"),
    ],
)
def test_a_graph_is_searched_for_as_many_candidates_as_rows_are_wanted(
    index: HNSW, wanted: int, ef_search: str | None
) -> None:
    assert _settings(index, wanted).get("hnsw.ef_search") == ef_search


@pytest.mark.parametrize("on", ["bit", "bit2", "bit3"])
def test_a_graph_of_codes_is_searched_wider_unless_it_is_said_how_wide(on: str) -> None:
    assert _settings(HNSW(on=on), 100)["hnsw.ef_search"] == f"'{100 * CODES_WIDER}'"
    assert _settings(HNSW(on=on), 900)["hnsw.ef_search"] == "'1000'"
    assert _settings(HNSW(on=on, ef_search=50), 100)["hnsw.ef_search"] == "'100'"
    text = _settings(HNSW(on=on), LIMIT)["hnsw.ef_search"]
    assert f"wanted * {CODES_WIDER}" in text or "wanted * %(" in text


def test_a_limit_that_is_a_parameter_is_clamped_in_the_statement() -> None:
    text = _settings(HNSW(ef_search=70), LIMIT)["hnsw.ef_search"]
    assert text == "CAST(least(greatest(wanted, 70), 1000) AS TEXT)"


@pytest.mark.parametrize(("probes", "told"), [(None, "'1'"), (1, "'1'"), (30, "'30'")])
def test_ivfflat_is_told_its_probes_whatever_is_wanted(probes: int | None, told: str) -> None:
    for wanted in (1, 5_000, LIMIT):
        assert _settings(IVFFlat(40, probes), wanted)["ivfflat.probes"] == told
