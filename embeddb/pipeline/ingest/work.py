"""The batch that travels between the stages of an ingest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from embeddb.records import Failure, Vector
from embeddb.repository.collections.documents import ReadyDocument


@dataclass(kw_only=True, slots=True)
class Work:
    """A batch on its way through the stages: prepared, encoded and written together.

    Attributes:
        documents: new or changed documents, their chunks cut.
        metadata_changes: documents whose text stayed and whose metadata did not.
        vectors: one row for each chunk, in order; None until they are encoded.
        known_vectors: vectors that the replaced chunks have already, by the hash of their text.
        updated: ids of the documents that replace a stored one.
        seen: documents of the source that this batch accounts for.
        skipped: how many of them the source left out, by the reason.
    """

    documents: list[ReadyDocument] = field(default_factory=list)
    metadata_changes: list[ReadyDocument] = field(default_factory=list)
    vectors: Vector | None = None
    known_vectors: dict[bytes, Vector] = field(default_factory=dict)
    updated: set[str] = field(default_factory=set)
    unchanged: int = 0
    encoded: int = 0
    seen: int = 0
    failures: list[Failure] = field(default_factory=list)
    repaired: list[Failure] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def chunks(self) -> int:
        """The number of chunks of all documents."""
        return sum(len(document.chunks) for document in self.documents)
