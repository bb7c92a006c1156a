"""Encoders that misbehave in the ways that real ones do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from embeddb.records import Role, Vector
from tests.support.encoders import HashEncoder

POISON = "poison"
NAN = "notanumber"


class FragileEncoder(HashEncoder):
    """Raises on a batch that holds the word `poison`; gives NaN for the word `notanumber`."""

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        if any(POISON in text for text in texts):
            raise RuntimeError("the model choked")
        vectors = super().encode(texts, role)
        for row, text in enumerate(texts):
            if NAN in text:
                vectors[row] = np.nan
        return vectors


class GatedEncoder(HashEncoder):
    """Calls back before each batch: a place to interfere with a run."""

    def __init__(self, before: Callable[[int], None]) -> None:
        super().__init__()
        self._before = before
        self._calls = 0
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        with self._lock:
            self._calls += 1
            call = self._calls
        self._before(call)
        return super().encode(texts, role)
