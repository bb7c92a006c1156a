"""The model of a collection: found by its fingerprint, and asked for what it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from embeddb.errors import (
    ConfigurationError,
    InvalidVectorError,
    ModelMismatchError,
    UnsupportedMediumError,
)
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.protocols import Encoder
from embeddb.records import Input
from tests.support.encoders import ColourEncoder, HashEncoder, image
from tests.support.generations import generation, record


def bound(encoder: Encoder, *, given: bool = True) -> BoundModel:
    of = generation(dim=encoder.info.dim, model=encoder.info)
    form = StoredForm(None, of)
    return BoundModel(record(of), form, lambda _: encoder, encoder if given else None)


def test_a_collection_is_asked_by_text_by_image_and_by_vector() -> None:
    model = bound(ColourEncoder())
    green = image((0, 9, 0))
    assert model.query("green").tolist() == model.query(green).tolist() == [0, 1, 0]
    assert model.query([0, 3, 4]).tolist() == [0, 3, 4]
    several: list[Input] = ["red", green, "red blue"]
    rows = model.queries(several)
    assert [row.tolist() for row in rows] == [[1, 0, 0], [0, 1, 0], [0.5, 0, 0.5]]


@pytest.mark.parametrize(
    ("encoder", "query", "taken"),
    [(HashEncoder(), image((1, 2, 3)), "text"), (ColourEncoder("image"), "red", "image")],
)
def test_a_query_of_a_medium_that_is_not_taken_is_refused(
    encoder: Encoder,
    query: Input,
    taken: str,
) -> None:
    with pytest.raises(UnsupportedMediumError, match=f"takes {taken}, not "):
        bound(encoder).query(query)


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_query_without_words_is_refused(blank: str) -> None:
    with pytest.raises(InvalidVectorError, match="has no words"):
        bound(HashEncoder()).queries(["word", blank])


def test_the_encoder_is_loaded_by_the_first_text() -> None:
    model = bound(HashEncoder(), given=False)
    assert model.query([1.0] * 64) is not None
    assert model.loaded is None
    model.query("text")
    assert model.loaded is not None


def test_another_model_is_refused_whatever_its_name() -> None:
    encoder = HashEncoder()
    of = generation(dim=64, model=replace(encoder.info, fingerprint="f" * 64))
    with pytest.raises(ModelMismatchError, match="cannot be compared"):
        BoundModel(record(of), StoredForm(None, of), lambda _: encoder, encoder)


def test_a_collection_of_ready_vectors_takes_neither_text_nor_encoder() -> None:
    of = generation()
    model = BoundModel(record(of), StoredForm(None, of), lambda _: HashEncoder())
    with pytest.raises(ConfigurationError, match="has no model: pass a vector of 3 numbers"):
        model.query("text")
    with pytest.raises(ConfigurationError, match="takes no encoder"):
        BoundModel(record(of), StoredForm(None, of), lambda _: HashEncoder(), HashEncoder())
