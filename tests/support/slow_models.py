"""Models for workers in processes of their own."""

from __future__ import annotations

import time
from collections.abc import Sequence

from embeddb.records import Vector
from tests.support.encoders import DIM, HashEncoder

BATCH_SECONDS = 0.1
STUCK_SECONDS = 600.0


class _Slow:
    """Takes a moment for each batch."""

    dim = DIM
    normalized = True

    def __call__(self, texts: Sequence[str]) -> Vector:
        time.sleep(BATCH_SECONDS)
        return HashEncoder(self.dim).encode(texts)


class _Stuck(_Slow):
    """Never comes back from a document."""

    def __call__(self, texts: Sequence[str]) -> Vector:
        if any("body" in text for text in texts):
            time.sleep(STUCK_SECONDS)
        return super().__call__(texts)


class _Fragile(_Slow):
    """Fails on a batch that holds the word `poison`, and says so with the text."""

    def __call__(self, texts: Sequence[str]) -> Vector:
        for text in texts:
            if "poison" in text:
                raise RuntimeError(f"the model choked on {text}")
        return HashEncoder(self.dim).encode(texts)


slow = _Slow()
stuck = _Stuck()
fragile = _Fragile()
