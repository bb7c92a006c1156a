from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb.encoders import VectorCache, encode_inputs, encode_texts, isolate
from embeddb.encoders.checks import check_vectors
from embeddb.errors import (
    EncodingError,
    ModelError,
    ModelUnavailableError,
    UnsupportedMediumError,
)
from embeddb.records import Input, Media, ModelInfo, Role, Vector
from tests.support.encoders import ColourEncoder, image

DIM = 3
RED, DARK, WIDE = (
    image((255, 0, 0)),
    image((0, 0, 99)),
    Media(medium="image", data=np.full((4, 9, 3), 7, dtype=np.uint8)),
)
TEXTS = st.lists(st.text(max_size=6), max_size=60)


class Counting:
    """Encodes a text to its length and sum of code points; fails on the texts it is told to."""

    def __init__(self, fails: Callable[[str], bool] = lambda text: False) -> None:
        self.fails = fails
        self.error: type[Exception] = EncodingError
        self.calls: list[list[str]] = []

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(name="counting", fingerprint="0", dim=DIM)

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        self.calls.append(list(texts))
        if any(self.fails(text) for text in texts):
            raise self.error("poison")
        return expected(texts, role)


class Told:
    """What a run said of its progress."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.calls.append((done, total))

    def all_of(self, count: int) -> bool:
        """Return whether the steps grew to all of `count` inputs, each time of so many."""
        steps = [done for done, _ in self.calls]
        grew = steps == sorted(set(steps)) and (steps[-1:] or [0]) == [count]
        return grew and all(total == count for _, total in self.calls)


def expected(texts: Sequence[str], role: Role = "document") -> Vector:
    rows = [[len(t), sum(map(ord, t)), 1 if role == "query" else 0] for t in texts]
    return np.array(rows, dtype=np.float32).reshape(len(texts), DIM)


@given(TEXTS, st.integers(1, 20))
def test_each_text_is_encoded_once_and_rows_are_in_order(texts: list[str], window: int) -> None:
    encoder = Counting()
    told = Told()
    vectors = encode_texts(encoder, texts, progress=told, window=window)
    assert np.array_equal(vectors, expected(texts))
    encoded = [text for call in encoder.calls for text in call]
    assert sorted(encoded) == sorted(set(texts))
    assert all(len(call) <= window for call in encoder.calls)
    assert told.all_of(len(texts))
    lengths = [len(text) for text in encoded]
    assert lengths == sorted(lengths, reverse=True)


@given(st.lists(TEXTS, max_size=4))
def test_cache_spares_texts_of_earlier_calls(batches: list[list[str]]) -> None:
    encoder = Counting()
    cache = VectorCache()
    for texts in batches:
        told = Told()
        vectors = encode_texts(encoder, texts, progress=told, cache=cache)
        assert np.array_equal(vectors, expected(texts))
        assert told.all_of(len(texts))
    encoded = [text for call in encoder.calls for text in call]
    assert sorted(encoded) == sorted({text for texts in batches for text in texts})


@given(TEXTS, st.sets(st.text(max_size=2)), st.integers(1, 20))
def test_isolate_blames_exactly_the_poison(texts: list[str], bad: set[str], window: int) -> None:
    encoder = Counting(lambda text: text in bad)
    told = Told()
    found = isolate(encoder, texts, window=window, progress=told)
    failed = {row for row, text in enumerate(texts) if text in bad}
    assert set(found.errors) == failed
    good = [row for row in range(len(texts)) if row not in failed]
    assert np.array_equal(found.vectors[good], expected([texts[row] for row in good]))
    assert np.isnan(found.vectors[sorted(failed)]).all()
    assert told.all_of(len(texts))


def test_isolate_wraps_a_functions_own_error() -> None:
    encoder = Counting(lambda text: text == "bad")
    encoder.error = KeyError
    found = isolate(encoder, ["good", "bad"])
    assert isinstance(found.errors[1], EncodingError)
    assert isinstance(found.errors[1].__cause__, KeyError)


def test_one_poison_text_costs_few_calls() -> None:
    encoder = Counting(lambda text: text == "77")
    found = isolate(encoder, [str(n) for n in range(256)])
    assert set(found.errors) == {77}
    assert len(encoder.calls) <= 2 * 8 + 2


@pytest.mark.parametrize("count", [1, 256])
def test_encoder_that_fails_on_everything_ends_the_run(count: int) -> None:
    encoder = Counting(lambda text: True)
    encoder.error = KeyError
    with pytest.raises(ModelError, match=r"'counting' fails on every text.*KeyError"):
        isolate(encoder, [str(n) for n in range(count)])
    assert len(encoder.calls) == 2


def test_what_an_encoder_could_encode_of_a_batch_is_not_encoded_again() -> None:
    class Partly(Counting):
        def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
            vectors = super().encode(texts, role)
            bad = [row for row, text in enumerate(texts) if text.startswith("bad")]
            vectors[bad] = np.nan
            return check_vectors(vectors, len(texts), DIM, "partly")

    encoder, cache = Partly(), VectorCache()
    found = isolate(encoder, ["a", "bad", "b", "bad", "bad too"], cache=cache)
    assert set(found.errors) == {1, 3, 4}
    assert np.array_equal(found.vectors[[0, 2]], expected(["a", "b"]))
    assert len(encoder.calls) == 1
    assert cache.get("b", "document") is not None
    assert cache.get("bad", "document") is None


@pytest.mark.parametrize("function", [encode_texts, isolate])
def test_unavailable_model_is_not_bisected(function: Callable[..., object]) -> None:
    encoder = Counting(lambda text: True)
    encoder.error = ModelUnavailableError
    with pytest.raises(ModelUnavailableError):
        function(encoder, ["a", "b", "c"])
    assert len(encoder.calls) == 1


def test_encode_texts_raises_the_encoders_error() -> None:
    with pytest.raises(EncodingError, match="poison"):
        encode_texts(Counting(lambda text: True), ["a"])


@pytest.mark.parametrize("function", [encode_texts, isolate])
@pytest.mark.parametrize("shape", [(2, DIM), (3, DIM + 1), (3,)])
def test_an_array_of_another_shape_is_the_models_fault(
    function: Callable[..., object], shape: tuple[int, ...]
) -> None:
    class Broken(Counting):
        def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
            super().encode(texts, role)
            return np.ones(shape, dtype=np.float32)

    encoder = Broken()
    with pytest.raises(ModelError, match=r"'counting' returned an array of shape .*not \(3, 3\)"):
        function(encoder, ["a", "b", "c"])
    assert len(encoder.calls) == 1


def test_roles_are_not_mixed_up() -> None:
    encoder, cache = Counting(), VectorCache()
    encode_texts(encoder, ["a"], cache=cache)
    assert np.array_equal(
        encode_texts(encoder, ["a"], "query", cache=cache), expected("a", "query")
    )


def test_cache_forgets_the_least_recently_used() -> None:
    cache = VectorCache(capacity=2)
    vector = np.ones(DIM, dtype=np.float32)
    for text in ("a", "b"):
        cache.put(text, "document", vector)
    assert cache.get("a", "document") is not None
    cache.put("c", "document", vector)
    assert len(cache) == 2
    assert cache.get("b", "document") is None
    assert cache.get("a", "document") is not None


def test_cache_keeps_no_view_of_a_window() -> None:
    cache = VectorCache()
    window = np.ones((256, DIM), dtype=np.float32)
    cache.put("a", "document", window[0])
    kept = cache.get("a", "document")
    assert kept is not None
    assert kept.base is None


def test_lone_surrogates_can_be_keys() -> None:
    assert VectorCache().get("\ud800", "document") is None


@given(st.lists(st.sampled_from(["red", "green green", "blue", RED, DARK, WIDE]), max_size=40))
def test_a_call_holds_one_medium_and_rows_are_in_order(inputs: list[Input]) -> None:
    encoder, told = ColourEncoder(), Told()
    vectors = encode_inputs(encoder, inputs, window=2, progress=told)
    assert all(len({isinstance(value, str) for value in call}) == 1 for call in encoder.calls)
    assert sum(map(len, encoder.calls)) == len(set(inputs))
    alone = [ColourEncoder().encode([value])[0] for value in inputs]
    assert np.array_equal(vectors, np.array(alone, dtype=np.float32).reshape(-1, 3))
    assert told.all_of(len(inputs))


def test_the_largest_image_comes_first() -> None:
    encoder = ColourEncoder()
    encode_inputs(encoder, [RED, WIDE, "red", DARK], window=1)
    images = [call[0] for call in encoder.calls if isinstance(call[0], Media)]
    assert images[0] is WIDE


def test_images_are_remembered_by_what_they_show() -> None:
    encoder, cache = ColourEncoder(), VectorCache()
    encode_inputs(encoder, [RED, WIDE], cache=cache)
    again = [image((255, 0, 0)), Media(medium="image", data=np.full((4, 9, 3), 7, np.uint8))]
    encode_inputs(encoder, again, cache=cache)
    assert len(encoder.calls) == 1
    # the same bytes are another input where they are another shape, another type or another medium
    wide = np.full((4, 9, 3), 7, np.uint8)
    for other in (wide.reshape(9, 4, 3), wide.view(np.int8), wide.tobytes()):
        assert Media(medium="image", data=other) != WIDE
    assert Media(medium="audio", data=b"abc") != Media(medium="image", data=b"abc")
    assert cache.get("abc", "document") is None


@pytest.mark.parametrize("window", [1, 256])
def test_an_input_of_a_medium_that_is_not_taken_fails_alone(window: int) -> None:
    encoder = Counting()
    found = isolate(encoder, ["a", RED, "bc"], window=window)
    assert set(found.errors) == {1}
    assert isinstance(found.errors[1], UnsupportedMediumError)
    assert np.array_equal(found.vectors[[0, 2]], expected(["a", "bc"]))
    with pytest.raises(UnsupportedMediumError, match="'counting' takes text, not image"):
        encode_inputs(encoder, ["a", RED])
