"""Vectors of words without a model, for tests: the same everywhere, and of no meaning."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from embeddb.records import Vector

DIM = 64

_WORD = re.compile(r"\w+")


def hashed_words(texts: Sequence[str]) -> Vector:
    """Return vectors of shape (n, 64) and length 1: texts that have words in common are near.

    Each word, whatever its case, is a fixed direction, and a text is the sum of its words'. A text
    without words is a word itself.
    """
    vectors = np.zeros((len(texts), DIM), dtype=np.float32)
    for row, text in enumerate(texts):
        words = _WORD.findall(text.casefold()) or [text]
        total = np.sum([_direction(word) for word in words], axis=0)
        vectors[row] = total / np.linalg.norm(total)
    return vectors


@lru_cache(maxsize=100_000)
def _direction(word: str) -> Vector:
    digest = hashlib.shake_256(word.encode("utf-8", "surrogatepass")).digest(2 * DIM)
    numbers = np.frombuffer(digest, dtype="<u2").astype(np.float32)
    direction: Vector = numbers / np.float32(32767.5) - np.float32(1)
    return direction
