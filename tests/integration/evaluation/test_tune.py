"""Measuring and tuning the index of a collection, whatever it stores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import embeddb
from embeddb import HNSW, IVFPQ, Collection, IVFFlat
from embeddb.errors import (
    ConfigurationError,
    GenerationChangedError,
    IndexSpecError,
    PermissionDeniedError,
)
from embeddb.evaluation.recall import RecallReport
from embeddb.repository.catalog.recall_history import Fallen, RecallHistory
from embeddb.schema.indexes import IndexSpec
from tests.support.encoders import HashEncoder
from tests.support.postgres import one, role, rows, session
from tests.support.vectors import as_documents, clustered, distances

ROWS, DIM = 2000, 64
_DRAWN = clustered(ROWS + 40, DIM, clusters=200, seed=21)
_DRAWN /= np.linalg.norm(_DRAWN, axis=1, keepdims=True)
VECTORS, QUERIES = _DRAWN[:ROWS], _DRAWN[ROWS:]

READER = (
    "GRANT USAGE ON SCHEMA embeddb TO {}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA embeddb TO {}",
)

FORMS: dict[str, dict[str, Any]] = {
    "vector": {"index": HNSW()},
    "halfvec l2": {"storage": "halfvec", "distance": "l2", "index": HNSW()},
    "int8": {"storage": "int8", "index": HNSW()},
    "int8 on bit": {"storage": "int8", "index": HNSW(on="bit")},
    "int8 l2 on bit2": {
        "storage": "int8",
        "distance": "l2",
        "transform": "rotation",
        "index": HNSW(on="bit2"),
    },
    "bits": {"storage": "bit", "distance": "hamming", "index": HNSW()},
    "truncated": {"transform": ["matryoshka:48", "normalize"], "index": HNSW()},
    "subvector": {"index": HNSW(on="subvector:24")},
    "ivfflat": {"index": IVFFlat(lists=30)},
    "int8 ivfflat on bit3": {"storage": "int8", "index": IVFFlat(lists=30, on="bit3")},
    "ivfpq": {"index": IVFPQ(lists=30)},
}


def _collection(store: embeddb.Store, **form: Any) -> Collection:  # noqa: ANN401
    docs = store.create_collection("docs", model=None, dim=DIM, **form)
    docs.ingest(as_documents(VECTORS))
    return docs


def _files(store: embeddb.Store) -> list[tuple[Any, ...]]:
    """Where Postgres keeps the relations of the generation: a rebuilt one is in another file."""
    return rows(
        store.url,
        "SELECT relname, relfilenode FROM pg_class WHERE relname LIKE 'docs\\_g1%' "
        "AND relkind IN ('i', 'r') ORDER BY relname",
    )


def _functions(store: embeddb.Store) -> list[tuple[Any, ...]]:
    """What Postgres has of the collection's functions, those that search apart."""
    return rows(
        store.url,
        "SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'docs%' "
        "AND proname NOT IN ('docs_search', 'docs_similar') ORDER BY proname",
    )


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_is_measured_and_tuned_without_a_rebuild(
    store: embeddb.Store, form: dict[str, Any]
) -> None:
    docs = _collection(store, **form)
    measured = docs.recall(sample=20)
    assert (measured.sample, measured.limit, measured.exact_recall) == (20, 10, 1.0)
    assert measured.index_used
    assert measured.index is not None and measured.index.startswith("docs_g1_")
    assert measured.recall > 0.5
    files, functions = _files(store), _functions(store)

    report = docs.tune(0.9, sample=25)
    assert report.reached and report.stored
    assert report.recall >= 0.9
    assert (report.limit, report.sample, report.advice) == (10, 25, "")
    assert report.chosen in report.trials and report.before in report.trials
    assert len({trial.index for trial in report.trials}) == len(report.trials)

    assert _files(store) == files
    assert _functions(store) == functions
    assert docs.record.generation.index == report.chosen.index
    with embeddb.connect(store.url) as again:
        reopened = again.collection("docs")
        assert reopened.record.generation == docs.record.generation
        after = reopened.recall(sample=25)
    assert after.index_used
    assert after.settings == report.chosen.settings
    assert after.recall >= 0.7  # another sample


def _same_answers(docs: Collection, store: embeddb.Store, query: Any) -> None:  # noqa: ANN401
    literal = "[" + ",".join(map(repr, query.tolist())) + "]"
    found = rows(store.url, "SELECT id FROM embeddb.docs_search(%s::vector, 10)", [literal])
    assert [row[0] for row in found] == [hit.id for hit in docs.search(query, 10)]


def test_the_sql_function_and_the_open_collection_use_what_was_chosen(
    store: embeddb.Store,
) -> None:
    docs = _collection(store, index=HNSW(m=4, ef_construction=16))
    source = "SELECT prosrc FROM pg_proc WHERE proname = 'docs_search'"
    report = docs.tune(0.9, sample=30)
    ef_search = int(report.chosen.settings["ef_search"])
    assert ef_search != 40
    assert f"'hnsw.ef_search', '{ef_search}'" in docs.sql(QUERIES[0])
    assert str(ef_search) in one(store.url, source)
    for query in QUERIES[:5]:
        _same_answers(docs, store, query)


def test_more_is_found_after_tuning_for_more(store: embeddb.Store) -> None:
    docs = _collection(store, index=HNSW(m=5, ef_construction=12, ef_search=10))
    low, high = docs.tune(0.5, sample=40), docs.tune(0.95, sample=40)
    assert low.chosen.settings["ef_search"] < high.chosen.settings["ef_search"]
    assert high.recall >= 0.95
    assert high.before.index == low.chosen.index


def test_a_dry_run_changes_nothing(store: embeddb.Store) -> None:
    docs = _collection(store)
    report = docs.tune(0.9, sample=30, dry_run=True)
    assert (report.reached, report.stored) == (True, False)
    assert docs.record.generation.index == HNSW()
    assert store.collection("docs").record.generation.index == HNSW()
    assert docs.recall_history() == []


def test_what_cannot_be_reached_changes_nothing_and_says_what_helps(store: embeddb.Store) -> None:
    index = HNSW(m=2, ef_construction=4, ef_search=20)
    random = np.random.default_rng(3).standard_normal((ROWS, DIM), dtype=np.float32)
    docs = store.create_collection("docs", model=None, dim=DIM, index=index)
    docs.ingest(as_documents(random))
    # else Postgres reads every row where ef_search is large
    name = one(store.url, "SELECT current_database()")
    with session(store.url) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET enable_seqscan = off')
    with embeddb.connect(store.url) as forced:
        report = forced.collection("docs").tune(1.0, sample=40)
    assert (report.reached, report.stored) == (False, False)
    assert report.recall == max(trial.recall for trial in report.trials) < 1
    assert "m=4, ef_construction=16" in report.advice
    assert store.collection("docs").record.generation.index == index


def test_queries_of_the_callers_are_used(store: embeddb.Store) -> None:
    docs = _collection(store)
    report = docs.tune(0.9, 20, queries=QUERIES)
    assert (report.sample, report.limit) == (len(QUERIES), 20)
    assert report.reached
    assert docs.recall_history()[0].settings["queries"] is True
    texts = store.create_collection("texts", model=HashEncoder())
    texts.add([(str(number), f"text {number}") for number in range(50)])
    assert texts.tune(0.9, 3, queries=["text 1", "text 2"]).sample == 2


def test_a_collection_too_small_for_its_index_is_left_alone(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    docs.add(as_documents(VECTORS[:5]))
    report = docs.tune(0.9, sample=5)
    assert (report.reached, report.stored, report.recall) == (True, False, 1.0)
    assert "nothing was changed" in report.advice
    assert docs.record.generation.index == HNSW()


def test_there_must_be_something_to_tune(store: embeddb.Store) -> None:
    docs = store.create_collection("docs", model=None, dim=DIM)
    with pytest.raises(ConfigurationError, match="'docs' is empty"):
        docs.tune()
    docs.ingest(as_documents(VECTORS[:50]), build_index=False)
    with pytest.raises(IndexSpecError, match=r"not built yet: .*create_index"):
        docs.tune()
    docs.drop_index()
    with pytest.raises(IndexSpecError, match=r"no vector index.*create_index"):
        docs.tune()
    docs.create_index(HNSW())
    wrong: list[dict[str, Any]] = [{"recall": 0}, {"recall": 1.1}, {"limit": 0}, {"sample": 0}]
    for options in (*wrong, {"queries": []}):
        with pytest.raises(ConfigurationError):
            docs.tune(**options)


def test_somebody_elses_new_index_is_not_overwritten(store: embeddb.Store) -> None:
    docs = _collection(store)
    store.collection("docs").create_index(IVFFlat(lists=10))
    there = store.collection("docs").record.generation.index
    with pytest.raises((GenerationChangedError, IndexSpecError)):
        docs.tune(0.9, sample=10)
    assert store.collection("docs").record.generation.index == there
    store.collection("docs").create_index(HNSW(m=8))
    with pytest.raises(GenerationChangedError, match="meanwhile"):
        docs.tune(0.9, sample=10)


def test_a_reader_can_try_and_not_change(store: embeddb.Store) -> None:
    _collection(store)
    with role(store.url, *READER) as url, embeddb.connect(url) as reading:
        docs = reading.collection("docs")
        assert docs.tune(0.9, sample=10, dry_run=True).reached
        with pytest.raises(PermissionDeniedError):
            docs.tune(0.9, sample=10)
    assert store.collection("docs").record.generation.index == HNSW()


def _truth(limit: int) -> list[list[str]]:
    nearest = [np.argsort(distances("cosine", query, VECTORS))[:limit] for query in QUERIES]
    return [[f"v{row}" for row in found] for found in nearest]


def test_a_truth_measures_what_the_storage_loses_too(store: embeddb.Store) -> None:
    def measured(name: str, **form: Any) -> RecallReport:  # noqa: ANN401
        docs = store.create_collection(name, model=None, dim=DIM, **form)
        docs.ingest(as_documents(VECTORS))
        return docs.recall(queries=QUERIES, truth=_truth(10))

    whole = measured("whole")
    assert whole.exact_recall == 1.0
    bits = measured("bits", storage="bit", distance="hamming")
    assert bits.exact_recall < 0.95
    assert bits.recall == pytest.approx(bits.exact_recall, abs=0.05)  # among equally near bits
    assert store.collection("bits").recall(queries=QUERIES).exact_recall == 1.0
    kept = store.collection("bits").recall_history()
    assert [line.settings.get("truth") for line in kept] == [None, True]


def test_a_truth_belongs_to_queries(store: embeddb.Store) -> None:
    docs = _collection(store, index=None)
    with pytest.raises(ConfigurationError, match="queries="):
        docs.recall(truth=_truth(10))
    with pytest.raises(ConfigurationError, match="39 queries"):
        docs.recall(queries=QUERIES, truth=_truth(10)[1:])


def test_what_was_measured_can_be_read(store: embeddb.Store) -> None:
    docs = _collection(store)
    first, second = docs.recall(sample=20), docs.recall(sample=10, limit=5)
    tuned = docs.tune(0.9, sample=30)
    kept = docs.recall_history()
    assert [(line.recall, line.limit, line.sample) for line in kept] == [
        (tuned.recall, 10, 30),
        (second.recall, 5, 10),
        (first.recall, 10, 20),
    ]
    assert [line.settings.get("target") for line in kept] == [0.9, None, None]
    assert kept[0].settings["ef_search"] == tuned.chosen.settings["ef_search"]
    assert [line.generation for line in docs.recall_history(2)] == [1, 1]
    assert kept[0].measured_at >= kept[1].measured_at


def _remember(docs: Collection, recall: float, *, limit: int = 10, **how: Any) -> None:  # noqa: ANN401
    RecallHistory(docs._database).add(docs.record, recall=recall, limit=limit, sample=200, how=how)


def test_a_recall_that_fell_is_known(store: embeddb.Store) -> None:
    history = RecallHistory(store.database)
    docs = store.create_collection("docs", model=None, dim=DIM)
    other = store.create_collection("other 100%", model=None, dim=DIM)
    assert history.fallen() == []
    _remember(docs, 0.99)
    _remember(docs, 0.975)
    _remember(docs, 0.2, limit=100)
    _remember(docs, 0.6, truth=True)
    _remember(other, 0.9, queries=True)
    assert history.fallen() == []
    _remember(docs, 0.96)
    assert history.fallen() == [Fallen("docs", 0.99, 0.96)]
    _remember(docs, 0.98)
    assert history.fallen() == []
    _remember(other, 0.951, target=0.95)
    _remember(other, 0.945)
    assert history.fallen() == [Fallen("other 100%", 0.951, 0.945)]
    store.drop_collection("other 100%")
    assert history.fallen() == []


def test_only_the_index_as_it_is_now_can_fall(store: embeddb.Store) -> None:
    docs = _collection(store)
    _remember(docs, 0.99)
    _remember(docs, 0.9)
    history = RecallHistory(store.database)
    assert math.isclose(history.fallen()[0].now, 0.9)
    docs.create_index(HNSW(m=24))
    assert history.fallen() == []
    _remember(docs, 0.85)
    assert history.fallen() == []
    docs.tune(0.5, sample=20)
    _remember(docs, 0.4)
    assert [found.now for found in history.fallen()] == [0.4]


def test_a_tuned_index_is_kept_by_the_next_ingest(store: embeddb.Store) -> None:
    docs = _collection(store, storage="int8", transform="rotation", index=HNSW(on="bit2"))
    docs.tune(0.9, sample=25)
    spec: IndexSpec | None = docs.record.generation.index
    files = _files(store)
    docs.ingest([{"id": "new", "embedding": QUERIES[0]}])
    assert docs.search(QUERIES[0], 1)[0].id == "new"
    assert docs.record.generation.index == spec
    assert _files(store) == files
