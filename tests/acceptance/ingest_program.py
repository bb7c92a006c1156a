"""A program that ingests, for test_kill to kill: python -m tests.acceptance.ingest_program URL."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import embeddb
from embeddb import HNSW
from embeddb.records import Role, Vector
from tests.support import HashEncoder

DOCUMENTS = 3000
BATCH_SECONDS = 0.02
CHUNKER = {"kind": "text", "max_tokens": 40, "overlap": 5}
INDEX = HNSW(m=24, ef_construction=200)
"""Slow enough to build that some of the kills meet the build."""

WORDS = [f"word{number}" for number in range(400)]


class SlowEncoder(HashEncoder):
    """Takes its time, as a model does."""

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        time.sleep(BATCH_SECONDS)
        return super().encode(texts, role)


def documents(state: str) -> Iterator[dict[str, Any]]:
    """Give the documents as they were (`before`) or as they are now (`after`)."""
    for number in range(DOCUMENTS if state == "after" else DOCUMENTS // 2):
        own = random.Random(number)
        words = own.choices(WORDS, k=own.choice([3, 10, 30, 30, 200]))
        if state == "after" and number % 3 == 0:
            words.insert(own.randrange(len(words)), "changed")
        text = " ".join(words)
        yield {
            "id": f"document {number}",
            "content": text.replace(" word7", ".\n\nword7"),
            "metadata": {"number": number, "state": state if number % 5 == 0 else "same"},
            "uri": f"memory:{number}",
        }


def ingest(url: str, state: str) -> embeddb.IngestReport:
    """Bring the collection to a state."""
    with embeddb.connect(url) as store:
        docs = store.create_collection(
            "docs", model=SlowEncoder(), chunker=CHUNKER, index=INDEX, exist_ok=True
        )
        return docs.ingest(documents(state), prune=True)


if __name__ == "__main__":
    sys.stdout.write(f"{ingest(sys.argv[1], 'after')}\n")
