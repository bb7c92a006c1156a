"""Objects that people hold in their hands: which become encoders, and which are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddb.encoders import EncoderSettings, load_encoder
from embeddb.encoders.loader import EncoderLoader
from embeddb.errors import ConfigurationError, ModelNotFoundError
from embeddb.records import Role, Vector

SETTINGS = EncoderSettings(offline=True)


def lengths(texts: list[str], start: float = 0) -> list[list[float]]:
    return [[float(len(text)), start] for text in texts]


class Sentences:
    """Like sentence-transformers: one text or many, and options that not every model knows."""

    def encode(self, sentences: str | list[str], **options: Any) -> Vector:  # noqa: ANN401
        assert not options
        return np.array(lengths(list(sentences)), dtype=np.float64)


class Roles:
    def encode(self, texts: list[str], role: Role = "document") -> list[list[float]]:
        return lengths(texts, role == "query")


class LangChain:
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return lengths(texts)

    def embed_query(self, text: str) -> list[float]:
        return lengths([text], 1)[0]


class Callable:
    def __call__(self, texts: list[str]) -> list[list[float]]:
        return lengths(texts)


@pytest.mark.parametrize(
    ("model", "query"),
    [(Sentences(), 0), (Roles(), 1), (LangChain(), 1), (Callable(), 0), (lengths, 0)],
)
def test_object_becomes_an_encoder(model: Any, query: float) -> None:  # noqa: ANN401
    encoder = load_encoder(model, settings=SETTINGS)
    assert encoder.encode(["a", "abc"]).tolist() == [[1, 0], [3, 0]]
    assert encoder.encode(["ab"], "query").tolist() == [[2, query]]
    assert encoder.info.dim == 2
    assert type(model).__name__ in encoder.info.name or encoder.info.name.endswith("lengths")


def test_tensors_become_vectors() -> None:
    torch = pytest.importorskip("torch")

    def one(texts: list[str]) -> object:
        return torch.tensor(lengths(texts), requires_grad=True)

    def several(texts: list[str]) -> object:
        return [torch.tensor(row, dtype=torch.bfloat16) for row in lengths(texts)]

    for function in (one, several):
        vectors = load_encoder(function, settings=SETTINGS).encode(["a", "abc"])
        assert vectors.tolist() == [[1, 0], [3, 0]]


@pytest.mark.parametrize("model", [7, object(), b"name", ["all-MiniLM-L6-v2"], {"model": "x"}])
def test_anything_else_is_refused_with_what_is_taken(model: Any) -> None:  # noqa: ANN401
    with pytest.raises(ConfigurationError, match=r"not a model: give a name.*SentenceTransformer"):
        load_encoder(model, settings=SETTINGS)


def test_class_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Sentences is a class"):
        load_encoder(Sentences, settings=SETTINGS)


def test_network_that_returns_tokens_is_refused() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(ConfigurationError, match="vectors of tokens"):
        load_encoder(torch.nn.Linear(2, 2), settings=SETTINGS)


def test_folder_may_be_a_path(tiny: Path) -> None:
    loader = EncoderLoader(SETTINGS)
    assert loader(tiny) is loader(str(tiny))
    assert load_encoder(tiny, settings=SETTINGS).info == loader(tiny).info


@pytest.mark.parametrize("name", ["tests.unit.encoders.test_objects:lengths", "object:/gone/model"])
def test_name_of_an_object_says_to_pass_it_again(name: str) -> None:
    with pytest.raises(ModelNotFoundError, match="pass it again"):
        load_encoder(name, settings=SETTINGS)
