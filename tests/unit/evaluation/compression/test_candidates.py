"""The forms that the advisor tries, and the settings that it searches them with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from embeddb.errors import ConfigurationError
from embeddb.evaluation.compression.candidates import (
    Candidate,
    default_candidates,
    ladder,
    scaled,
    with_current,
)
from embeddb.schema.catalog import CollectionRecord, Generation, TransformInfo
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import HNSW, IVFPQ, IndexSpec, IVFFlat
from embeddb.schema.names import tables
from embeddb.schema.storage import Storage

RECORD = CollectionRecord(
    name="docs",
    tables=tables("embeddb", "docs", 1),
    generation=Generation(
        number=1,
        dim=384,
        distance=Distance.COSINE,
        storage=Storage.VECTOR,
        model=None,
        normalize=False,
        chunker={},
        index=HNSW(),
        state="active",
    ),
)


def _record(**changes: Any) -> CollectionRecord:  # noqa: ANN401
    return replace(RECORD, generation=replace(RECORD.generation, **changes))


def _labels(record: CollectionRecord) -> list[str]:
    return [candidate.label for candidate in default_candidates(record)]


def _transform(*words: str, dim: int = 384, leading: bool = False) -> TransformInfo:
    return TransformInfo(
        id=1, words=words, dim=dim, fingerprint="", leading=leading, unit=False, isometric=True
    )


def test_the_usual_forms_are_tried() -> None:
    assert _labels(RECORD) == [
        "vector · HNSW",
        "halfvec · HNSW",
        "int8 · HNSW",
        "int8 · HNSW on bit",
        "int8 · rotation:random · HNSW on bit2",
        "int8 · rotation:random · HNSW(m=11, ef_construction=128) on bit3",
        "int8 · pca:256 · HNSW",
        "int8 · IVF-PQ",
        "halfvec · rotation:pca · HNSW on pca:128",
    ]


def test_nothing_wider_than_what_is_stored_is_tried() -> None:
    assert {label.split(" · ")[0] for label in _labels(_record(storage=Storage.INT8))} == {"int8"}


def test_what_the_distance_or_the_rules_refuse_is_left_out() -> None:
    labels = _labels(_record(distance=Distance.L1))
    assert not [label for label in labels if "pca" in label or "rotation" in label]
    assert "int8 · IVF-PQ" not in labels
    lengths = _labels(_record(distance=Distance.INNER_PRODUCT))
    assert not [label for label in lengths if "bit" in label]


def test_what_a_transform_has_done_is_not_done_again() -> None:
    turned = _labels(_record(transform=_transform("rotation:random")))
    assert "int8 · HNSW on bit2" in turned
    axes = _labels(_record(transform=_transform("rotation:pca", leading=True)))
    assert "halfvec · HNSW on pca:128" in axes
    assert "int8 · rotation:random · HNSW on bit2" in axes and "int8 · HNSW on bit" not in axes


def test_too_many_dimensions_are_tried_as_they_would_be_indexed() -> None:
    assert "vector · HNSW on halfvec" in _labels(_record(dim=3_000))


def test_the_current_form_is_tried_first_and_each_form_once() -> None:
    record = _record(index=HNSW(ef_search=77))
    forms = with_current(default_candidates(record), record)
    assert forms[0] == Candidate(storage="vector", index=HNSW(ef_search=77))
    assert len({form.label for form in forms}) == len(forms)


def test_a_candidate_is_written_as_a_conversion_is() -> None:
    made = Candidate.of({"storage": "int8", "transform": "rotation", "index": "exact"}, RECORD)
    assert made == Candidate(storage="int8", transform=("rotation:random",))
    assert Candidate.of({}, RECORD) == Candidate(storage="vector", index=HNSW())
    assert Candidate.of(made, RECORD) is made
    with pytest.raises(ConfigurationError, match="'ef_search'"):
        Candidate.of({"ef_search": 3}, RECORD)


@pytest.mark.parametrize(
    ("index", "limit", "expected"),
    [
        (HNSW(), 10, [40, 80, 160, 320, 640]),
        (HNSW(), 100, [100, 160, 320, 640]),
        (HNSW(ef_search=60), 10, [40, 60, 80, 160, 320, 640]),
        (HNSW(on="bit"), 10, [5, 10, 20, 40, 80]),
        (HNSW(on="bit"), 100, [5, 10]),
        (HNSW(on="bit"), 1000, [1]),
        (IVFFlat(lists=20, probes=4), 10, [4, 8, 16, 20]),
        (IVFPQ(lists=30, probes=3), 10, [(3, 10), (6, 10), (6, 20), (12, 20), (12, 40)]),
    ],
    ids=str,
)
def test_a_ladder_finds_more_with_each_rung(
    index: IndexSpec, limit: int, expected: list[Any]
) -> None:
    found = ladder(index, limit)
    match index:
        case IVFPQ():
            values: list[Any] = [(made.probes, made.oversample) for made in found]  # type: ignore[union-attr]
        case IVFFlat():
            values = [made.probes for made in found]  # type: ignore[union-attr]
        case _:
            on = index.on is not None
            values = [made.oversample if on else made.ef_search for made in found]  # type: ignore[union-attr]
    assert values == expected
    assert ladder(None, limit) == [None]


@pytest.mark.parametrize(
    ("asked", "searched", "rows", "expected"),
    [
        (HNSW(), HNSW(ef_search=40), 10, HNSW()),
        (HNSW(), HNSW(ef_search=80), 10, HNSW(ef_search=80)),
        (HNSW(on="bit"), HNSW(on="bit", oversample=20.0), 10, HNSW(on="bit")),
        (HNSW(on="bit"), HNSW(on="bit", oversample=5.0), 10, HNSW(on="bit", oversample=5.0)),
        (IVFFlat(), IVFFlat(lists=10, probes=4), 100_000, IVFFlat(lists=100, probes=40)),
        (
            IVFPQ(),
            IVFPQ(lists=50, probes=10, oversample=20),
            1_000_000,
            IVFPQ(lists=1000, probes=200, oversample=20),
        ),
        (None, None, 10, None),
    ],
    ids=str,
)
def test_an_index_is_searched_as_that_of_the_sample_was(
    asked: IndexSpec | None, searched: IndexSpec | None, rows: int, expected: IndexSpec | None
) -> None:
    assert scaled(asked, searched, rows) == expected
