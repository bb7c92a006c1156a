"""The choice among the forms that were measured, and what is said about it."""

from __future__ import annotations

from embeddb.evaluation.compression.advice import Measured, Skipped
from embeddb.evaluation.compression.candidates import Candidate
from embeddb.schema.indexes import HNSW
from tests.support.advice import advice_on, measured


def test_the_fewest_bytes_that_find_enough_are_recommended() -> None:
    small, enough = measured("int8", 300, 0.8), measured("halfvec", 500, 0.95)
    worse, now = measured("halfvec", 600, 0.92), measured("vector", 1000, 0.99, is_current=True)
    base = measured("vector", 200, 1.0, is_base=True)
    advice = advice_on(now, worse, enough, small)
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
    with_base = advice_on(now, base)
    assert with_base.best is not None and with_base.best.is_current
    assert "the form that the collection has" in with_base.reason


def test_where_nothing_finds_enough_the_best_is_named_and_nothing_is_recommended() -> None:
    advice = advice_on(measured("int8", 300, 0.7), measured("halfvec", 500, 0.8))
    assert advice.best is None
    assert "halfvec · HNSW: 0.8000" in advice.reason
    assert "None could be tried" in advice_on().reason


def test_json_holds_everything() -> None:
    skipped = Skipped(candidate=Candidate(storage="int8"), reason="too few rows")
    data = advice_on(measured("int8", 300, 0.95), skipped=(skipped,)).to_json()
    assert data["best"] == "int8 · HNSW"
    assert data["skipped"] == [{"form": "int8 · exact", "reason": "too few rows"}]
    (form,) = data["forms"]
    assert form["index"]["ef_search"] == 80 and form["estimated_bytes"] == 300_000
    fields = {name for name in Measured.__dataclass_fields__ if name != "candidate"}
    assert fields <= set(form)
