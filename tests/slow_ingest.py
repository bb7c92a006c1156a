"""An ingest that takes its time, to be killed, and the documents that it brings."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

import embeddb
from embeddb.pipeline import prepare
from embeddb.records import Role, Vector
from tests.support import HashEncoder

DOCUMENTS = 1500
GONE = 40
SECONDS_PER_CALL = 0.01


class SlowEncoder(HashEncoder):
    """Tells that it was called, and takes a moment."""

    def __init__(self, calls: Connection) -> None:
        super().__init__()
        self._calls = calls

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vector:
        self._calls.send_bytes(b"call")
        time.sleep(SECONDS_PER_CALL)
        return super().encode(texts, role)


def documents() -> list[embeddb.Document]:
    """Give the documents as the source has them: of one chunk to some dozens."""
    return [_document(number, version=1) for number in range(DOCUMENTS)]


def older() -> list[embeddb.Document]:
    """Give an older state: some missing, some of another text, length or metadata, some gone."""
    there = [number for number in range(DOCUMENTS + GONE) if number % 3 != 1]
    return [_document(number, version=number % 5 and 1) for number in there]


def create(store: embeddb.Store, name: str) -> embeddb.Collection:
    """Create a collection for the documents."""
    chunker = {"kind": "text", "max_tokens": 24, "overlap": 4}
    return store.create_collection(name, model=HashEncoder(), chunker=chunker)


def ingest(docs: embeddb.Collection) -> embeddb.IngestReport:
    """Bring a collection up to date with the source."""
    return docs.ingest(documents(), prune=True)


def run(url: str, name: str, calls: Connection) -> None:
    """Ingest slowly, in many small transactions: many places to be killed at."""
    prepare.WINDOW_DOCUMENTS, prepare.BATCH_CHUNKS = 16, 64
    with embeddb.connect(url) as store:
        ingest(store.collection(name, encoder=SlowEncoder(calls)))


def _document(number: int, *, version: int) -> embeddb.Document:
    """Of the older version every other one has another text, and all have other metadata."""
    draw = random.Random(number if number % 2 else number + version)
    sizes = (5, 20, 60) if number % 25 else (600,)
    words = [f"word{draw.randrange(3000)}" for _ in range(draw.choice(sizes))]
    return embeddb.Document(
        id=f"d{number}",
        content=" ".join([f"document {number}", *words]),
        metadata={"number": number, "version": version},
        uri=f"file{version}/{number}",
    )
