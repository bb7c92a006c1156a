"""Index specs: what pgvector can build, and what it is told."""

from __future__ import annotations

from typing import Any

import pytest

from embeddb.errors import ConfigurationError, IndexSpecError
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import HNSW, IVFFlat, check_index, from_json, opclass, to_json
from embeddb.schema.storage import Storage


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"m": 1}, "m must be from 2 to 100"),
        ({"m": 101, "ef_construction": 300}, "m must be from 2 to 100"),
        ({"ef_construction": 3}, "ef_construction must be from 4 to 1000"),
        ({"ef_construction": 1001}, "ef_construction must be from 4 to 1000"),
        ({"m": 40}, "at least 2"),
        ({"ef_search": 0}, "ef_search must be from 1 to 1000"),
        ({"ef_search": 1001}, "ef_search must be from 1 to 1000"),
    ],
)
def test_hnsw_knows_pgvector_s_limits(values: dict[str, int], words: str) -> None:
    with pytest.raises(IndexSpecError, match=words):
        HNSW(**values)


@pytest.mark.parametrize(
    "values", [{"lists": 0}, {"lists": 32769}, {"probes": 0}, {"lists": 3, "probes": 4}]
)
def test_ivfflat_knows_pgvector_s_limits(values: dict[str, int]) -> None:
    with pytest.raises(IndexSpecError):
        IVFFlat(**values)


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


def test_what_was_chosen_stays_chosen() -> None:
    assert IVFFlat(7, 3).resolved(10**6) == IVFFlat(7, 3)
    assert HNSW().resolved(10**6) == HNSW()


def test_ivfflat_has_no_l1() -> None:
    with pytest.raises(IndexSpecError, match="HNSW"):
        check_index(IVFFlat(), storage=Storage.VECTOR, distance=Distance.L1, dim=3)


@pytest.mark.parametrize(("storage", "most"), [(Storage.VECTOR, 2000), (Storage.HALFVEC, 4000)])
@pytest.mark.parametrize("index", [HNSW(), IVFFlat()])
def test_an_index_takes_so_many_dimensions(
    storage: Storage, most: int, index: HNSW | IVFFlat
) -> None:
    check_index(index, storage=storage, distance=Distance.COSINE, dim=most)
    with pytest.raises(IndexSpecError, match="index=None"):
        check_index(index, storage=storage, distance=Distance.COSINE, dim=most + 1)


@pytest.mark.parametrize("index", [None, HNSW(), HNSW(8, 100, 50), IVFFlat(), IVFFlat(20, 4)])
def test_a_spec_survives_the_catalog(index: HNSW | IVFFlat | None) -> None:
    assert from_json(to_json(index)) == index


def test_operator_classes_are_pgvector_s() -> None:
    names = {opclass(storage, distance) for storage in Storage for distance in Distance}
    kinds = ("l2", "ip", "cosine", "l1")
    assert names == {f"{s}_{kind}_ops" for s in ("vector", "halfvec") for kind in kinds}


@pytest.mark.parametrize("kind", [Distance, Storage])
def test_an_unknown_name_is_refused_with_the_known_ones(kind: Any) -> None:  # noqa: ANN401
    known = [member.label for member in kind]
    assert [kind.named(label).label for label in known] == known
    with pytest.raises(ConfigurationError) as caught:
        kind.named("nonsense")
    assert all(label in str(caught.value) for label in known)


def test_a_score_is_larger_where_a_distance_is_smaller() -> None:
    for distance in Distance:
        scores = [distance.score(value) for value in (0.0, 0.5, 1.0, 7.0)]
        assert scores == sorted(scores, reverse=True)
    assert Distance.COSINE.score(0.25) == 0.75
    assert Distance.INNER_PRODUCT.score(-3.0) == 3.0
    assert Distance.L2.score(1.0) == Distance.L1.score(1.0) == 0.5
