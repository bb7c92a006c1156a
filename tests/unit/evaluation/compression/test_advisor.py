"""What the advisor does without a database: forms, ladders, exact answers, choice, plot."""

from __future__ import annotations

import builtins
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from embeddb.errors import ConfigurationError, MissingDependencyError
from embeddb.evaluation.compression import candidates as advisor_candidates
from embeddb.evaluation.compression import plot
from embeddb.evaluation.compression.advice import Advice, Measured, Skipped
from embeddb.evaluation.compression.candidates import Candidate, ladder, scaled
from embeddb.evaluation.compression.exact_answers import Answer, ExactAnswers
from embeddb.evaluation.recall import Question
from embeddb.records import Hit
from embeddb.schema.catalog import CollectionRecord, Generation, TransformInfo
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import HNSW, IVFPQ, IndexSpec, IVFFlat
from embeddb.schema.names import tables
from embeddb.schema.storage import Storage
from tests.support.vectors import clustered, distances

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
    return [candidate.label for candidate in advisor_candidates.default_candidates(record)]


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
    forms = advisor_candidates.with_current(advisor_candidates.default_candidates(record), record)
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


# exact answers


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product", "l1"])
def test_exact_answers_are_those_of_all_rows_at_once(distance: str) -> None:
    vectors = clustered(500, 16, seed=3)
    keys = [(f"v{n // 2}", n % 2) for n in range(500)]  # two chunks a document
    asked = [Question(vector) for vector in clustered(5, 16, seed=4)]
    asked += [Question(vectors[n], without=keys[n][0]) for n in (0, 77)]
    truth = ExactAnswers(asked, 10, Distance.named(distance))
    for start in range(0, 500, 123):
        truth.add(keys[start : start + 123], vectors[start : start + 123])
    assert truth.rows == 500
    for question, answer in zip(asked, truth.answers(), strict=True):
        found = distances(distance, question.vector, vectors)
        order = [keys[n] for n in np.argsort(found) if keys[n][0] != question.without]
        assert answer == Answer(frozenset(order[:10]), 10)


def test_ties_and_too_few_rows_do_not_count_against_a_form() -> None:
    vectors = np.ones((30, 4), dtype=np.float32)
    keys = [(f"v{n}", 0) for n in range(30)]
    truth = ExactAnswers([Question(vectors[0], without="v0")], 10, Distance.L2)
    truth.add(keys, vectors)
    (answer,) = truth.answers()
    assert (len(answer.nearest), answer.wanted) == (29, 10)
    hits = [
        Hit(id=f"v{n}", chunk_no=0, content=None, metadata={}, distance=0, score=1)
        for n in range(20, 30)
    ]
    assert answer.recall(hits) == 1 and answer.recall(hits[:5]) == 0.5 and answer.recall([]) == 0
    few = ExactAnswers([Question(vectors[0], without="v0")], 10, Distance.L2)
    few.add(keys[:1], vectors[:1])
    assert few.answers() == [Answer(frozenset(), 0)] and few.answers()[0].recall([]) == 1


# the choice


def _form(storage: str, size: float, recall: float, **changes: Any) -> Measured:  # noqa: ANN401
    made = Measured(
        candidate=Candidate(storage=storage, index=HNSW()),
        index=HNSW(ef_search=80),
        settings={"ef_search": 80},
        rows=100,
        table_bytes=int(size * 60),
        index_bytes=int(size * 40),
        bytes_per_vector=size,
        estimated_bytes=int(size * 1000),
        build_seconds=1.5,
        recall=recall,
        p50_ms=2.5,
        p95_ms=4.0,
        reaches=recall >= 0.9,
    )
    return replace(made, **changes)


def _advice(*forms: Measured, skipped: tuple[Skipped, ...] = ()) -> Advice:
    return Advice.of(
        forms,
        skipped,
        collection="docs",
        distance="cosine",
        target=0.9,
        limit=10,
        rows=100,
        total_rows=1000,
        queries=50,
        held_out=True,
    )


def test_the_fewest_bytes_that_find_enough_are_recommended() -> None:
    small, enough = _form("int8", 300, 0.8), _form("halfvec", 500, 0.95)
    worse, now = _form("halfvec", 600, 0.92), _form("vector", 1000, 0.99, is_current=True)
    base = _form("vector", 200, 1.0, is_base=True)
    advice = _advice(now, worse, enough, small)
    assert [form.bytes_per_vector for form in advice.forms] == [300, 500, 600, 1000]
    assert [form.dominated for form in advice.forms] == [False, False, True, False]
    assert advice.best is not None and advice.best.bytes_per_vector == 500
    assert advice.current is not None and advice.current.label == "vector · HNSW"
    for told in ("500 for each vector", "0.50 times", "of the 3", "0.9500 at ef_search 80"):
        assert told in advice.reason
    assert advice.best.as_convert() == {
        "storage": "halfvec",
        "transform": None,
        "index": HNSW(ef_search=80),
    }
    with_base = _advice(now, base)
    assert with_base.best is not None and with_base.best.is_current
    assert "the form that the collection has" in with_base.reason


def test_where_nothing_finds_enough_the_best_is_named_and_nothing_is_recommended() -> None:
    advice = _advice(_form("int8", 300, 0.7), _form("halfvec", 500, 0.8))
    assert advice.best is None
    assert "halfvec · HNSW: 0.8000" in advice.reason
    assert "None could be tried" in _advice().reason


def test_json_holds_everything() -> None:
    skipped = Skipped(candidate=Candidate(storage="int8"), reason="too few rows")
    data = _advice(_form("int8", 300, 0.95), skipped=(skipped,)).to_json()
    assert data["best"] == "int8 · HNSW"
    assert data["skipped"] == [{"form": "int8 · exact", "reason": "too few rows"}]
    (form,) = data["forms"]
    assert form["index"]["ef_search"] == 80 and form["estimated_bytes"] == 300_000
    fields = {name for name in Measured.__dataclass_fields__ if name != "candidate"}
    assert fields <= set(form)


# the plot


def _many(count: int, *, spread: float) -> Advice:
    chance = np.random.default_rng(0)
    return _advice(
        *(
            _form(
                ("vector", "halfvec", "int8")[n % 3],
                1000 * (1 + spread * float(chance.random())),
                0.99 - 0.1 * spread * float(chance.random()),
                p50_ms=float(1 + 10 * chance.random()),
                is_current=n == 0,
            )
            for n in range(count)
        )
    )


@pytest.mark.parametrize(("count", "spread"), [(1, 0.0), (11, 2.0), (11, 0.05), (14, 0.001)])
def test_labels_lie_beside_each_other_and_inside(count: int, spread: float) -> None:
    figure, labels = plot.draw(_many(count, spread=spread))
    boxes = [Text.get_window_extent(label) for label in labels]
    assert len(boxes) == count
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1
    axis = figure.axes[0].xaxis
    low, high = figure.axes[0].get_xlim()
    assert sum(low <= tick <= high for tick in axis.get_ticklocs()) >= 2


def test_the_plot_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    plot.save_plot(_many(5, spread=1), path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_plot_that_cannot_be_drawn_is_refused_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match=r"\.png"):
        plot.check_plot(tmp_path / "a.svg")
    with pytest.raises(ConfigurationError, match="no folder"):
        plot.check_plot(tmp_path / "b" / "a.png")
    with pytest.raises(ConfigurationError, match="nothing to plot"):
        plot.save_plot(_advice(), tmp_path / "a.png")
    load = builtins.__import__

    def missing(name: str, *arguments: Any) -> Any:  # noqa: ANN401
        if name.startswith("matplotlib"):
            raise ImportError(name=name)
        return load(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingDependencyError, match=r"embeddb\[plots\]"):
        plot.check_plot(tmp_path / "a.png")
