"""What tests share: encoders that need no model, and databases on the test server."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from embeddb.records import Input, Media, Medium, ModelInfo, Role, Vector

DIM = 64

_WORD = re.compile(r"\w+")


class HashEncoder:
    """Texts that share words are near: each word is a fixed random direction, a text their sum."""

    def __init__(self, dim: int = DIM, *, name: str = "hash") -> None:
        self.dim = dim
        self.name = name
        self.texts: list[str] = []
        """Every text that was encoded, in order."""

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(
            name=f"{self.name}-{self.dim}",
            fingerprint=hashlib.sha256(f"{self.name} {self.dim}".encode()).hexdigest(),
            dim=self.dim,
            normalized=True,
        )

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        self.texts.extend(texts)
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            words = _WORD.findall(text.lower()) or [text]
            total = np.sum([_direction(word, self.dim) for word in words], axis=0)
            vectors[row] = total / np.linalg.norm(total)
        return vectors


class ColourEncoder:
    """Names of colours and images in one space: a vector is a share of red, green and blue.

    An image is its pixels, three bytes each, or an array of shape (height, width, 3).
    """

    def __init__(self, *media: Medium) -> None:
        self.media: frozenset[Medium] = frozenset(media or ("text", "image"))
        self.calls: list[list[Input]] = []
        """The inputs of each call, in order."""

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(name="colours", fingerprint="colours", dim=3, modality="image")

    def encode(self, inputs: Sequence[Input], role: Role = "document") -> Vector:
        self.calls.append(list(inputs))
        return np.array([_colour(value) for value in inputs], dtype=np.float32).reshape(-1, 3)


def image(*pixels: tuple[int, int, int]) -> Media:
    """Return the image of these pixels, as bytes."""
    return Media(medium="image", data=bytes(np.array(pixels, dtype=np.uint8)))


def _colour(value: Input) -> Vector:
    pixels: NDArray[Any]
    if isinstance(value, str):
        pixels = np.eye(3)[[("red", "green", "blue").index(word) for word in value.split()]]
    elif isinstance(value.data, bytes):
        pixels = np.frombuffer(value.data, dtype=np.uint8).reshape(-1, 3)
    else:
        pixels = value.data.reshape(-1, 3)
    shares = pixels.sum(axis=0) / pixels.sum()
    return np.asarray(shares, dtype=np.float32)


class _Function:
    """The hash encoder as a plain callable, for `python:tests.support.encoders:encode`."""

    dim = DIM
    normalized = True

    def __call__(self, texts: Sequence[str]) -> Vector:
        return HashEncoder(self.dim).encode(texts)


encode = _Function()


def encode_long(texts: Sequence[str]) -> Vector:
    """Vectors of length 3, of a model that does not normalize them."""
    return 3 * HashEncoder().encode(texts)


@lru_cache(maxsize=100_000)
def _direction(word: str, dim: int) -> Vector:
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(seed).standard_normal(dim, dtype=np.float32)


def with_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlsplit(url)._replace(path="/" + name).geturl()
