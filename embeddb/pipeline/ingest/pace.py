"""How much is encoded before it is written: about as much as takes a few seconds."""

from __future__ import annotations

from embeddb.pipeline.ingest.work import COMMIT_SECONDS

FIRST_CHUNKS = 8
"""Encoded first, to see how fast the encoder is: a large model on a CPU may take seconds each."""

GROWTH = 4
"""The most that a part is larger than the one before it, which may have been short texts."""


class Pace:
    """The size of the next part of a batch, by how long the last one took."""

    def __init__(self) -> None:
        self.chunks = FIRST_CHUNKS

    def measured(self, chunks: int, seconds: float) -> None:
        """Learn how long it took to encode so many chunks."""
        if chunks:
            wanted = int(chunks * COMMIT_SECONDS / max(seconds, 1e-6))
            self.chunks = max(1, min(wanted, GROWTH * self.chunks))
