"""What is asked of an embedding: read in one way, checked, and written back."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb import HNSW, IVFPQ, ChunkerSpec, EmbeddingSpec, HashPartitions, IVFFlat, ListPartitions
from embeddb.errors import ConfigurationError, IndexSpecError, TransformError
from embeddb.records import ModelInfo
from embeddb.schema.catalog import Generation, PendingForm, TransformInfo
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.storage import Storage
from embeddb.transforms import TransformSpec

MODEL = ModelInfo(name="small", fingerprint="f", dim=384)

fields = st.fixed_dictionaries(
    {"model": st.sampled_from(["small", "python:m:f"])},
    optional={
        "distance": st.sampled_from(["cosine", "l2", "inner_product", "l1"]),
        "storage": st.sampled_from(["vector", "halfvec", "int8"]),
        "transform": st.sampled_from([None, [], "pca:8", ["normalize", "rotation"]]),
        "index": st.sampled_from([None, "hnsw", "exact", HNSW(m=8), IVFFlat(lists=4), IVFPQ()]),
        "chunker": st.sampled_from(["text", {"kind": "code", "max_tokens": 64}, ChunkerSpec()]),
        "normalize": st.booleans(),
        "layout": st.sampled_from([None, ListPartitions("lang", ("de", "en"))]),
        "dim": st.sampled_from([None, 384]),
    },
)


@given(fields)
def test_the_fields_of_a_spec_make_the_same_one(given: Any) -> None:  # noqa: ANN401
    spec = EmbeddingSpec(**given)
    assert EmbeddingSpec(**spec.fields()) == spec
    assert replace(spec) == spec
    assert eval(repr(spec), {**globals()}) == spec


def test_what_is_left_out_has_its_default() -> None:
    spec = EmbeddingSpec(model="small")
    assert spec.fields() == {"model": "small"}
    assert (spec.distance, spec.storage) == (Distance.COSINE, Storage.VECTOR)
    assert (spec.transform, spec.index, spec.chunker) == (None, HNSW(), ChunkerSpec())
    assert (spec.dim, spec.normalize, spec.layout) == (None, False, None)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("hnsw", HNSW()),
        ("ivfflat", IVFFlat()),
        ("ivfpq", IVFPQ()),
        ("exact", None),
        (None, None),
        (IVFFlat(lists=9), IVFFlat(lists=9)),
    ],
)
def test_an_index_is_a_spec_or_its_name(written: Any, read: IndexSpec | None) -> None:  # noqa: ANN401
    assert EmbeddingSpec(model="small", index=written).index == read


def test_partition_by_is_short_for_a_layout() -> None:
    spec = EmbeddingSpec(model="small", partition_by="tenant")
    assert spec.layout == HashPartitions("tenant", 16)
    assert spec.fields() == {"model": "small", "layout": HashPartitions("tenant", 16)}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"distance": "euclid"}, ConfigurationError, "Unknown distance 'euclid'"),
        ({"storage": "float64"}, ConfigurationError, "Unknown storage 'float64'"),
        ({"storage": "bit"}, ConfigurationError, "storage='bit' has no distance 'cosine'"),
        ({"distance": "hamming"}, ConfigurationError, "it compares bits"),
        ({"transform": "whiten"}, TransformError, "Unknown transform 'whiten'"),
        ({"transform": ""}, TransformError, "Unknown transform ''"),
        ({"index": "btree"}, ConfigurationError, "index is 'btree'; give embeddb.HNSW"),
        ({"index": HNSW}, ConfigurationError, "give embeddb.HNSW"),
        ({"chunker": "paragraphs"}, ConfigurationError, "Unknown chunker 'paragraphs'"),
        ({"chunker": {"size": 3}}, ConfigurationError, "Unknown chunker setting size"),
        ({"layout": "tenant"}, ConfigurationError, "layout is 'tenant'; give embeddb.Hash"),
        (
            {"layout": HashPartitions("a"), "partition_by": "b"},
            ConfigurationError,
            "Give either layout=… or partition_by=…, not both.",
        ),
        ({"model": None}, ConfigurationError, "Without a model, say how long your vectors are"),
        ({"dim": 0}, ConfigurationError, "dim must be from 1 to 16000, not 0"),
        ({"dim": 16_001}, ConfigurationError, "dim must be from 1 to 16000, not 16001"),
        ({"dim": "384"}, ConfigurationError, "dim must be from 1 to 16000, not '384'"),
    ],
)
def test_a_wrong_field_is_refused(given: Any, error: type[Exception], message: str) -> None:  # noqa: ANN401
    with pytest.raises(error, match=re.escape(message)):
        EmbeddingSpec(**{"model": "small"} | given)


def test_an_index_out_of_its_range_is_refused_before_the_spec() -> None:
    with pytest.raises(IndexSpecError):
        EmbeddingSpec(model="small", index=HNSW(m=1))


def test_an_unknown_or_missing_field_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="metric"):
        EmbeddingSpec(model="small", metric="l2")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="model"):
        EmbeddingSpec()  # type: ignore[call-arg]


def test_a_spec_cannot_be_changed() -> None:
    spec = EmbeddingSpec(model="small")
    with pytest.raises(AttributeError):
        spec.storage = Storage.BIT  # type: ignore[misc]
    assert replace(spec, storage=Storage.INT8).fields() == {"model": "small", "storage": "int8"}


def test_the_dimensions_are_the_models_or_the_callers() -> None:
    assert EmbeddingSpec(model="small").dim_with(MODEL) == 384
    assert EmbeddingSpec(model="small", dim=384).dim_with(MODEL) == 384
    assert EmbeddingSpec(model=None, dim=3).dim_with(None) == 3
    with pytest.raises(ConfigurationError, match="The model has 384 dimensions, not 3"):
        EmbeddingSpec(model="small", dim=3).dim_with(MODEL)
    with pytest.raises(ConfigurationError, match="not 16001"):
        EmbeddingSpec(model="large").dim_with(replace(MODEL, dim=16_001))


def test_a_layout_goes_by_a_metadata_column() -> None:
    EmbeddingSpec(model="small").check_metadata([])
    spec = EmbeddingSpec(model="small", partition_by="lang")
    spec.check_metadata(["title", "lang"])
    with pytest.raises(ConfigurationError, match="laid out by 'lang': name that column"):
        spec.check_metadata(["title"])


def generation(**others: Any) -> Generation:  # noqa: ANN401
    """A generation as the catalog has it."""
    given: dict[str, Any] = {
        "number": 3,
        "dim": 384,
        "distance": Distance.L2,
        "storage": Storage.HALFVEC,
        "model": MODEL,
        "normalize": True,
        "chunker": ChunkerSpec(kind="text", max_tokens=99).to_json(),
        "index": IVFFlat(),
        "state": "active",
        "layout": HashPartitions("lang"),
    }
    return Generation(**given | others)


def test_a_generation_tells_what_was_asked_for() -> None:
    assert EmbeddingSpec.of(generation()).fields() == {
        "model": "small",
        "distance": "l2",
        "storage": "halfvec",
        "index": IVFFlat(),
        "chunker": {"kind": "text", "max_tokens": 99},
        "normalize": True,
        "layout": HashPartitions("lang"),
    }


def test_a_generation_of_the_callers_own_vectors_tells_their_dim() -> None:
    spec = EmbeddingSpec.of(generation(model=None, dim=3))
    assert (spec.model, spec.dim) == (None, 3)


def test_a_form_that_waits_for_documents_is_what_was_asked_for() -> None:
    wanted = PendingForm(storage=Storage.INT8, transform=("pca:8",), index=HNSW(m=8))
    spec = EmbeddingSpec.of(generation(wanted=wanted, storage=Storage.VECTOR, index=None))
    assert (spec.storage, spec.index) == (Storage.INT8, HNSW(m=8))
    assert spec.transform == TransformSpec(words=("pca:8",))


def test_a_generation_that_was_converted_to_bits_is_no_contradiction() -> None:
    learned = TransformInfo(
        id=1,
        words=("rotation:itq",),
        dim=384,
        fingerprint="f",
        leading=False,
        unit=False,
        isometric=True,
    )
    bits = generation(storage=Storage.BIT, distance=Distance.HAMMING, transform=learned)
    assert EmbeddingSpec.of(bits).fields()["transform"] == ["rotation:itq"]
