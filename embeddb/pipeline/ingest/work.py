"""The batch that travels between the stages of an ingest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from embeddb.errors import EmbedDBError
from embeddb.records import Failure, Vector
from embeddb.repository.collections.documents import ReadyDocument

COMMIT_SECONDS = 3.0
"""What is done is written about this often: it is all that an interrupted run has to do again."""


@dataclass(kw_only=True, slots=True)
class Work:
    """A batch on its way through the stages: prepared, encoded and written together.

    Attributes:
        documents: new or changed documents, their chunks cut.
        metadata_changes: documents whose text stayed and whose metadata did not.
        adopted: unchanged documents that belong to another source from now on.
        vectors: one row for each chunk, in order; None until they are encoded.
        known_vectors: vectors that the replaced chunks have already, by the hash of their text.
        updated: ids of the documents that replace a stored one.
        seen: documents of the source that this batch accounts for.
        skipped: how many of them the source left out, by the reason.
    """

    documents: list[ReadyDocument] = field(default_factory=list)
    metadata_changes: list[ReadyDocument] = field(default_factory=list)
    adopted: list[ReadyDocument] = field(default_factory=list)
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

    @property
    def written(self) -> int:
        """The number of documents that are new, or changed in some way."""
        return len(self.documents) + len(self.metadata_changes)

    def split(self, chunks: int) -> tuple[Work, Work | None]:
        """Return what has about so many chunks to encode, whole documents, and the rest.

        What needs no encoding is in the first part, so that it is written at once.
        """
        count = total = 0
        for document in self.documents:
            total += sum(chunk.content_hash not in self.known_vectors for chunk in document.chunks)
            if count and total > chunks:
                break
            count += 1
        rest = self.documents[count:]
        if not rest:
            return self, None
        later = Work(
            documents=rest,
            known_vectors=self.known_vectors,
            updated=self.updated,
            seen=len(rest),
        )
        self.documents, self.seen = self.documents[:count], self.seen - len(rest)
        return self, later

    def refuse(self, refused: Mapping[str, EmbedDBError]) -> None:
        """Count documents as failed that the database refused, each with its error."""
        if not refused:
            return
        self.documents = [one for one in self.documents if one.id not in refused]
        self.metadata_changes = [one for one in self.metadata_changes if one.id not in refused]
        self.unchanged -= sum(one.id in refused for one in self.adopted)
        self.failures += [failure_of(id, error) for id, error in refused.items()]


def failure_of(id: str, error: EmbedDBError) -> Failure:
    """Return the failure of a document that an error kept out."""
    return Failure(id=id, error=type(error).__name__, message=str(error), document=True)
