from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddb.encoders import EncoderSettings, FunctionEncoder, isolate, load_encoder
from embeddb.errors import (
    ConfigurationError,
    EncodingError,
    ModelNotFoundError,
    ModelUnavailableError,
)

SETTINGS = EncoderSettings(python_models=("trusted", "pkg.sub"))


def lengths(texts: list[str]) -> list[list[float]]:
    return [[float(len(text)), 1.0] for text in texts]


def by_role(texts: list[str], role: str) -> Any:  # noqa: ANN401
    return np.full((len(texts), 3), 2.0 if role == "query" else 1.0)


def test_lists_become_float32_rows() -> None:
    vectors = FunctionEncoder(lengths).encode(["a", "abc"])
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[1, 1], [3, 1]]


def test_role_is_given_to_functions_that_take_it() -> None:
    encoder = FunctionEncoder(by_role, dim=3)
    assert encoder.encode(["a"], "query")[0, 0] == 2
    assert encoder.encode(["a"])[0, 0] == 1


def test_dim_is_learned_by_one_call() -> None:
    calls: list[list[str]] = []

    def counted(texts: list[str]) -> list[list[float]]:
        calls.append(texts)
        return lengths(texts)

    encoder = FunctionEncoder(counted)
    assert (encoder.info.dim, encoder.info.dim, len(calls)) == (2, 2, 1)
    assert encoder.encode([]).shape == (0, 2)
    assert len(calls) == 1


def test_normalized_vectors_have_length_one() -> None:
    encoder = FunctionEncoder(lengths, normalized=True)
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(["abc", "a"]), axis=1), 1, atol=1e-6)


def test_name_and_fingerprint() -> None:
    info = FunctionEncoder(lengths).info
    assert info.name == f"{__name__}:lengths"
    assert info.fingerprint == FunctionEncoder(lengths, dim=2).info.fingerprint
    assert info.fingerprint != FunctionEncoder(lengths, name="mine").info.fingerprint
    assert FunctionEncoder(lengths, fingerprint="v2").info.fingerprint == "v2"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda texts: [[1.0, 2.0]], "shape"),
        (lambda texts: [1.0] * len(texts), "shape"),
        (lambda texts: [[1.0]] * len(texts), "not 2"),
        (lambda texts: [[1.0, float("nan")]] * len(texts), "NaN"),
        (lambda texts: [[1.0, float("inf")]] * len(texts), "infinite"),
        (lambda texts: ["words"] * len(texts), "numbers"),
        (lambda texts: None, "array of numbers|shape"),
        (lambda texts: [[1.0, 2.0], [1.0]], "numbers"),
        (lambda texts: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_bad_answer_is_an_encoding_error(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(EncodingError, match=message):
        FunctionEncoder(function, dim=2).encode(["a", "b"])


def test_unreachable_service_is_unavailable() -> None:
    def call(texts: list[str]) -> None:
        raise ConnectionRefusedError("refused")

    with pytest.raises(ModelUnavailableError):
        FunctionEncoder(call, dim=2).encode(["a"])


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    source = "def embed(texts):\n    return [[1.0, 2.0]] * len(texts)\n\nVALUE = 1\n"
    (tmp_path / "trusted.py").write_text(source)
    (tmp_path / "trustedly.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "trusted", raising=False)
    return "python:trusted:embed"


def test_listed_module_is_imported(trusted: str) -> None:
    encoder = load_encoder(trusted, settings=SETTINGS)
    assert encoder.info.name == trusted
    assert encoder.encode(["a"]).tolist() == [[1, 2]]


@pytest.mark.parametrize("module", ["os", "trustedly", "pkg", "pkg.subway", "pkg.other"])
def test_other_modules_are_never_imported(trusted: str, module: str) -> None:
    with pytest.raises(ModelNotFoundError, match="EMBEDDB_PYTHON_MODELS"):
        load_encoder(f"python:{module}:embed", settings=SETTINGS)
    assert "trustedly" not in sys.modules


@pytest.mark.parametrize("name", ["trusted:absent", "trusted:VALUE", "pkg.sub.deep:x"])
def test_absent_attribute_is_not_found(trusted: str, name: str) -> None:
    with pytest.raises(ModelNotFoundError):
        load_encoder(f"python:{name}", settings=SETTINGS)


@pytest.mark.parametrize("name", ["trusted", ":embed", "trusted:"])
def test_malformed_reference_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="form"):
        load_encoder(f"python:{name}", settings=SETTINGS)


def test_encoders_pass_and_functions_are_wrapped() -> None:
    encoder = FunctionEncoder(lengths)
    assert load_encoder(encoder, settings=SETTINGS) is encoder
    assert load_encoder(lengths, settings=SETTINGS).encode(["ab"]).tolist() == [[2, 1]]


@pytest.mark.parametrize("value", [3, None, FunctionEncoder])
def test_anything_else_is_refused(value: Any) -> None:  # noqa: ANN401
    with pytest.raises(ConfigurationError):
        load_encoder(value, settings=SETTINGS).encode(["a"])


def test_good_vectors_beside_a_broken_one_are_scaled_to_length_1() -> None:
    encoder = FunctionEncoder(
        lambda texts: [[3.0, 4.0] if text == "a" else [math.nan, 1.0] for text in texts],
        dim=2,
        normalized=True,
    )
    found = isolate(encoder, ["a", "b"])
    assert found.vectors[0].tolist() == pytest.approx([0.6, 0.8])
    assert set(found.errors) == {1}
