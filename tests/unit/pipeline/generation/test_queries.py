"""Queries that are longer than the model reads, and queries that it fails on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from embeddb.encoders.checks import unit_length
from embeddb.errors import EncodingError
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.pipeline.generation.queries import MOST_WINDOWS, encode_queries
from embeddb.protocols import Encoder
from embeddb.records import ModelInfo, Role, Vector
from tests.support.encoders import HashEncoder
from tests.support.generations import generation, record

READS = 8


class ShortEncoder(HashEncoder):
    """Reads eight words of a text, its query prompt of one word among them."""

    def __init__(self, *, tokenizer: bool = True, normalized: bool = True) -> None:
        super().__init__()
        self._tokenizer = _words() if tokenizer else None
        self._normalized = normalized

    @property
    def info(self) -> ModelInfo:
        info = replace(super().info, max_tokens=READS, normalized=self._normalized)
        return replace(info, query_prompt="q") if self._tokenizer else info

    def tokenizer(self) -> Tokenizer | None:
        return self._tokenizer

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        if any("poison" in text for text in texts):
            raise EncodingError("it is poison")
        assert all(len(text.split()) < READS for text in texts)
        vectors = super().encode(texts, role)
        return vectors if self._normalized else 3 * vectors


def _words() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def bound(encoder: Encoder) -> BoundModel:
    of = generation(dim=encoder.info.dim, model=encoder.info)
    return BoundModel(record(of), StoredForm(None, of), lambda _: encoder, encoder)


def words(count: int, letter: str = "w") -> str:
    return " ".join(f"{letter}{number}" for number in range(count))


def test_short_queries_are_encoded_as_they_are() -> None:
    encoder = ShortEncoder()
    found = encode_queries(encoder, ["some words", words(READS - 1)])
    assert sorted(encoder.texts) == sorted(["some words", words(READS - 1)])
    assert np.array_equal(found.vectors, HashEncoder().encode(["some words", words(READS - 1)]))


@pytest.mark.parametrize("normalized", [True, False])
def test_long_query_is_the_mean_of_its_windows(normalized: bool) -> None:
    encoder = ShortEncoder(normalized=normalized)
    text = words(17)
    found = encode_queries(encoder, ["short", text, "other"])
    windows = [one for one in encoder.texts if one.startswith("w")]
    assert " ".join(sorted(windows, key=text.index)) == text
    weights = [len(one.split()) for one in windows]
    mean = np.average(HashEncoder().encode(windows), axis=0, weights=weights)[np.newaxis]
    expected = unit_length(mean) if normalized else 3 * mean
    assert np.allclose(found.vectors[1], expected[0], atol=1e-6)
    assert np.allclose(found.vectors[2], (1 if normalized else 3) * HashEncoder().encode(["other"]))


def test_the_end_of_a_long_query_counts() -> None:
    model = bound(ShortEncoder())
    one, other = model.queries([f"{words(30)} black ink", f"{words(30)} a cat"])
    assert not np.allclose(one, other)


def test_without_a_tokenizer_a_query_is_measured_in_bytes() -> None:
    encoder = ShortEncoder(tokenizer=False)
    encode_queries(encoder, [words(12, "word")])
    assert len(encoder.texts) > 1
    assert all(len(text) <= 3 * READS for text in encoder.texts)


def test_endless_query_is_refused() -> None:
    with pytest.raises(EncodingError, match=r"450 tokens.*at most 448"):
        bound(ShortEncoder()).query(words((READS - 1) * MOST_WINDOWS + 2))


def test_query_that_the_model_fails_on_is_named() -> None:
    model = bound(ShortEncoder())
    with pytest.raises(EncodingError, match=r"Query 1 \('some poison'\): it is poison"):
        model.queries(["fine", "some poison", "fine too"])
    with pytest.raises(EncodingError, match=r"^it is poison"):
        model.query("some poison")
    with pytest.raises(EncodingError, match="it is poison"):
        model.query(f"{words(20)} poison")
