"""The ingest that test_kill kills, and the documents that it brings."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import embeddb
from embeddb.pipeline.ingest import prepare
from embeddb.records import Role, Vector
from tests.support.encoders import HashEncoder

DOCUMENTS = 3000
BATCH_SECONDS = 0.005

WORDS = [f"word{number}" for number in range(400)]


class SlowEncoder(HashEncoder):
    """Return how often it was called, and takes a moment."""

    def __init__(self, calls: Synchronized[int]) -> None:
        super().__init__()
        self._calls = calls

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        self._calls.value += 1
        time.sleep(BATCH_SECONDS)
        return super().encode(texts, role)


def documents(state: str) -> Iterator[dict[str, Any]]:
    """Return the documents as they were (`before`) or as they are now (`after`)."""
    gone = 0 if state == "before" else 50
    for number in range(gone, DOCUMENTS // 2 if state == "before" else DOCUMENTS):
        own = random.Random(number)
        words = own.choices(WORDS, k=own.choice([3, 10, 30, 30, 100]))
        if state == "after" and number % 3 == 0:
            words.insert(own.randrange(len(words)), "changed")
        yield {
            "id": f"document {number}",
            "content": " ".join(words).replace(" word7", ".\n\nword7"),
            "metadata": {"number": number, "state": state if number % 5 == 0 else "same"},
            "uri": f"memory:{number}",
        }


def create(store: embeddb.Store) -> embeddb.Collection:
    """Make the collection."""
    chunker = {"kind": "text", "max_tokens": 40, "overlap": 5}
    return store.create_collection("docs", model=HashEncoder(), chunker=chunker)


def ingest(docs: embeddb.Collection, state: str) -> embeddb.IngestReport:
    """Bring the collection to a state."""
    return docs.ingest(documents(state), prune=True)


def run(url: str, calls: Synchronized[int], window: int) -> None:
    """Ingest slowly; with a small window in many transactions, many places to be killed at."""
    prepare.WINDOW_DOCUMENTS, prepare.BATCH_CHUNKS = window, 3 * window
    with embeddb.connect(url) as store:
        ingest(store.collection("docs", encoder=SlowEncoder(calls)), "after")
