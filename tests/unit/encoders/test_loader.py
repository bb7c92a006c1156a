"""The encoders of one program."""

from __future__ import annotations

import pytest

from embeddb.encoders import EncoderSettings
from embeddb.encoders.loader import EncoderLoader
from embeddb.errors import ConfigurationError, ModelNotFoundError
from tests.support.encoders import HashEncoder

NAME = "python:tests.support.encoders:encode"


def test_a_name_is_loaded_once() -> None:
    load = EncoderLoader(EncoderSettings(python_models=("tests.support.encoders",)))
    assert load(NAME) is load(NAME)


def test_an_encoder_is_itself_and_a_function_becomes_one() -> None:
    load = EncoderLoader(EncoderSettings())
    encoder = HashEncoder()
    assert load(encoder) is encoder
    function = lambda texts: encoder.encode(texts)  # noqa: E731
    assert load(function) is not load(function)
    with pytest.raises(ConfigurationError, match="int"):
        load(3)  # type: ignore[arg-type]


def test_the_environment_says_what_may_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelNotFoundError, match="EMBEDDB_PYTHON_MODELS"):
        EncoderLoader.from_environment()(NAME)
    monkeypatch.setenv("EMBEDDB_PYTHON_MODELS", "tests.support.encoders")
    assert EncoderLoader.from_environment()(NAME).info.dim == 64
