"""Forms tried on a collection's own vectors, measured against exact answers, and dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import embeddb
from embeddb import HNSW, Advice, Candidate, Collection
from embeddb.errors import ConfigurationError, GenerationChangedError
from embeddb.evaluation.compression import advisor
from embeddb.evaluation.compression.advice import Measured
from embeddb.evaluation.compression.candidates import CandidateLike
from embeddb.repository.collections.samples import Samples
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, rows
from tests.support.vectors import as_documents, clustered

DIM = 32
ROWS = 1_200
VECTORS = clustered(ROWS, DIM, seed=9)

INT8 = {"storage": "int8", "index": HNSW()}
BITS = {"storage": "int8", "index": HNSW(on="bit")}
EXACT = {"storage": "int8", "index": "exact"}


def _loaded(store: embeddb.Store, **options: Any) -> Collection:  # noqa: ANN401
    docs = store.create_collection("docs", model=None, dim=DIM, **options)
    docs.ingest(as_documents(VECTORS))
    return docs


def _by_label(advice: Advice) -> dict[str, Measured]:
    return {form.label: form for form in advice.forms}


def _check_clean(url: str, generations: int = 1) -> None:
    """Nothing is left of what was tried."""
    assert one(url, "SELECT count(*) FROM embeddb.generations") == generations
    left = "SELECT relname FROM pg_class WHERE relname ~ '^docs_g' AND relkind = 'r'"
    assert len(rows(url, left)) == generations
    assert one(url, "SELECT count(*) FROM pg_proc WHERE proname ~ '_code$|_project$'") == 0
    unused = (
        "SELECT count(*) FROM embeddb.transforms t "
        "WHERE NOT EXISTS (SELECT FROM embeddb.generations g WHERE g.transform_id = t.id)"
    )
    assert one(url, unused) == 0


def test_all_usual_forms_are_tried_and_the_smallest_that_finds_enough_is_named(
    store: embeddb.Store,
) -> None:
    docs = _loaded(store)
    before = docs.record
    advice = docs.compress(recall=0.9, sample=40)
    assert docs.record == before
    _check_clean(store.url)
    forms = _by_label(advice)
    assert not advice.skipped and len(forms) == 10
    assert forms["vector · HNSW"].is_current and not forms["vector · HNSW"].is_base
    base = forms["vector · exact"]
    assert base.is_base and base.recall == 1
    sizes = [form.bytes_per_vector for form in advice.forms]
    assert sizes == sorted(sizes)
    assert forms["int8 · HNSW"].bytes_per_vector < forms["vector · HNSW"].bytes_per_vector
    best = advice.best
    assert best is not None and best.reaches and best.recall >= 0.9
    assert best == next(form for form in advice.forms if form.reaches and not form.is_base)
    assert (advice.rows, advice.total_rows, advice.held_out) == (ROWS, ROWS, False)
    assert all(form.rows == ROWS for form in advice.forms)
    assert all(
        form.estimated_bytes == form.table_bytes + form.index_bytes for form in forms.values()
    )


def test_a_sample_is_asked_for_what_is_not_in_it(store: embeddb.Store) -> None:
    docs = _loaded(store)
    advice = docs.compress(recall=0.9, sample=30, rows=800, candidates=[INT8])
    assert advice.held_out and (advice.rows, advice.total_rows) == (800, ROWS)
    form = _by_label(advice)["int8 · HNSW"]
    assert form.rows == 800
    scaled = (form.table_bytes + form.index_bytes) * ROWS / 800
    assert form.estimated_bytes == pytest.approx(scaled, abs=1)
    nearly_all = docs.compress(recall=0.9, sample=30, rows=ROWS - 10, candidates=[EXACT])
    assert not nearly_all.held_out and nearly_all.rows == ROWS - 10


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product", "l1"])
def test_exact_search_in_another_storage_loses_what_its_rounding_does(
    store: embeddb.Store, distance: str
) -> None:
    docs = _loaded(store, distance=distance)
    advice = docs.compress(recall=0.9, sample=40, candidates=[EXACT, INT8])
    forms = _by_label(advice)
    assert forms["vector · exact"].recall == 1
    assert 0.93 < forms["int8 · exact"].recall <= 1
    assert forms["int8 · HNSW"].recall > 0.9


@pytest.mark.parametrize("distance", ["cosine", "l2"])
@pytest.mark.parametrize("transform", ["rotation:pca", ["normalize", "pca:24"]], ids=str)
def test_transforms_go_on_from_what_is_stored(
    store: embeddb.Store,
    transform: str | list[str],
    distance: str,
) -> None:
    docs = _loaded(store, transform=transform, distance=distance)
    assert docs.record.generation.transform is not None
    kept = docs.record.generation.stored_dim
    candidates: list[CandidateLike] = [
        {"transform": "rotation", "index": "exact"},
        {"storage": "halfvec", "transform": ["rotation", "rotation:itq"], "index": "exact"},
        {"transform": f"matryoshka:{kept // 4}", "index": "exact"},
    ]
    advice = docs.compress(recall=0.9, sample=40, candidates=candidates)
    forms = _by_label(advice)
    assert not advice.skipped
    # rotations leave every distance as it is, and leaving dimensions out does not
    assert forms["vector · rotation:random · exact"].recall == pytest.approx(1, abs=0.005)
    assert forms["halfvec · rotation:random · rotation:itq · exact"].recall > 0.97
    assert forms[f"vector · matryoshka:{kept // 4} · exact"].recall < 0.95
    assert one(store.url, "SELECT count(*) FROM embeddb.transforms") == 1
    texts = docs.compress(recall=0.9, queries=VECTORS[:20], candidates=candidates[:1])
    assert _by_label(texts)["vector · rotation:random · exact"].recall == pytest.approx(1, abs=0.01)


def test_queries_may_be_texts(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=HashEncoder())
    docs.ingest({"id": f"d{n}", "content": f"word{n} of {n % 7}"} for n in range(300))
    advice = docs.compress(
        recall=0.5, limit=3, queries=["word3 of 3", "word11"], candidates=[EXACT]
    )
    assert advice.queries == 2 and _by_label(advice)["int8 · exact"].recall > 0.8


def test_what_cannot_be_had_is_skipped_with_the_reason(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    docs.ingest(as_documents(VECTORS[:30]))
    candidates: list[CandidateLike] = [
        {"storage": "int8", "transform": "pca:24"},
        {"index": HNSW(on="pca:8")},
        {"storage": "bit"},
        INT8,
    ]
    advice = docs.compress(recall=0.5, sample=10, candidates=candidates)
    reasons = {skipped.label: skipped.reason for skipped in advice.skipped}
    assert "48 rows and there are 30" in reasons["int8 · pca:24 · HNSW"]
    assert "rotation:pca" in reasons["vector · HNSW on pca:8"]
    assert "bit" in reasons["bit · HNSW"]
    assert set(_by_label(advice)) == {"vector · HNSW", "vector · exact", "int8 · HNSW"}
    _check_clean(store.url)


def test_an_index_that_needs_more_rows_is_not_measured_without_it(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    docs.ingest(as_documents(VECTORS[:30]))
    advice = docs.compress(recall=0.5, sample=10, candidates=[{"index": embeddb.IVFPQ()}])
    forms = _by_label(advice)
    assert "vector · IVF-PQ" not in forms
    assert "more rows" in {one.label: one.reason for one in advice.skipped}["vector · IVF-PQ"]


def test_there_must_be_something_to_try_with(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    with pytest.raises(ConfigurationError, match=r"is empty.*add documents"):
        docs.compress()
    bits = store.create_collection("bits", model=None, dim=DIM, storage="bit", distance="hamming")
    bits.ingest(as_documents(VECTORS[:10]))
    with pytest.raises(ConfigurationError, match=r"only bits.*nothing to compress"):
        bits.compress()
    waiting = store.create_collection("waiting", model=None, dim=DIM, transform="pca:16")
    waiting.ingest(as_documents(VECTORS[:10]))
    with pytest.raises(ConfigurationError, match="from 32 chunks, and has 10: add documents"):
        waiting.compress()


@pytest.mark.parametrize(
    "options",
    [{"recall": 0}, {"recall": 1.1}, {"limit": 0}, {"sample": 0}, {"rows": 0}, {"queries": []}],
    ids=str,
)
def test_numbers_out_of_range_are_refused(store: embeddb.Store, options: dict[str, Any]) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    docs.ingest(as_documents(VECTORS[:20]))
    with pytest.raises(ConfigurationError):
        docs.compress(**options)


def test_one_chunk_is_enough_to_say_that_nothing_is_lost(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    docs.ingest(as_documents(VECTORS[:1]))
    assert all(form.recall == 1 for form in docs.compress(candidates=[INT8]).forms)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("where", ["building", "searching"])
def test_what_was_tried_is_dropped_after_an_interrupt(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], where: str
) -> None:
    docs = _loaded(store)

    def interrupted(*arguments: Any) -> Any:  # noqa: ANN401
        raise error

    if where == "building":
        monkeypatch.setattr("embeddb.pipeline.conversion.convert.build_index", interrupted)
    else:
        monkeypatch.setattr(Samples, "size", interrupted)
    with pytest.raises(error):
        docs.compress(recall=0.9, sample=10, candidates=[INT8])
    _check_clean(store.url)
    assert docs.search(VECTORS[3], 1)[0].id == "v3"


def test_a_collection_that_is_converted_meanwhile_is_told(
    store: embeddb.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs, other = _loaded(store), store.collection("docs")
    draw = advisor._draw

    def drawn(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        found = draw(*arguments, **options)
        other.convert(storage="halfvec")
        return found

    monkeypatch.setattr(advisor, "_draw", drawn)
    with pytest.raises(GenerationChangedError):
        docs.compress(recall=0.9, sample=10, candidates=[INT8])
    assert docs.record.generation.storage.label == "halfvec"
    _check_clean(store.url)


def test_a_small_sample_is_searched_through_its_index(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    docs.ingest(as_documents(VECTORS[:60]))
    codes = Candidate(storage="int8", index=HNSW(on="subvector:1", oversample=1))
    advice = docs.compress(recall=1, limit=5, sample=30, candidates=[codes])
    assert _by_label(advice)[codes.label].recall < 1 or advice.forms[0].settings["oversample"] > 1


def test_advice_is_taken(store: embeddb.Store) -> None:
    docs = _loaded(store)
    advice = docs.compress(recall=0.9, sample=40, candidates=[INT8, BITS])
    best = advice.best
    assert best is not None and not best.is_current
    docs.convert(**best.as_convert())
    generation = docs.record.generation
    assert generation.storage.label == best.candidate.storage and generation.index == best.index
    size = Samples(store.database, docs.record).size()
    assert (size.table_bytes + size.index_bytes) / size.rows == pytest.approx(
        best.bytes_per_vector, rel=0.1
    )
    again = docs.compress(recall=0.9, sample=40, candidates=[])
    current = next(form for form in again.forms if form.is_current)
    assert current.candidate.storage == "int8"
    _check_clean(store.url)


def test_progress_names_the_candidate_and_the_phase() -> None:
    class Heard:
        def __init__(self) -> None:
            self.phases: list[str] = []

        def documents(self, done: float, total: int | None) -> None: ...

        def index(self, phase: str, done: int, total: int) -> None:
            self.phases.append(phase)

    heard = Heard()
    advisor.labelled(heard, "2/9 int8 · HNSW").index("copying vectors", 1, 2)
    assert heard.phases == ["2/9 int8 · HNSW: copying vectors"]


def test_recall_is_that_of_the_vectors_stored_before(store: embeddb.Store) -> None:
    """Near-duplicates that int8 cannot tell apart: its own exact search would call that right."""
    centre = clustered(1, DIM, seed=1)[0]
    jitter = np.random.default_rng(2).standard_normal((200, DIM)).astype(np.float32) * 1e-3
    docs = store.create_collection("docs", model=None, dim=DIM, index=None)
    docs.ingest(as_documents(centre + jitter))
    forms = _by_label(docs.compress(recall=0.9, sample=30, candidates=[EXACT]))
    assert forms["int8 · exact"].recall < 0.6
