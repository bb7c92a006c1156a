"""Frozen records that travel between the rooms; a change makes a copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]
"""One embedding, shape (dim,), or several, shape (n, dim); always float32 in Python."""

Role: TypeAlias = Literal["document", "query"]
"""What an input is to the model: many models prompt a query and a document differently."""

Medium: TypeAlias = Literal["text", "image", "audio", "video"]
"""A kind of input that a model may take."""

_NO_METADATA: Mapping[str, Any] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A text (or a ready vector) as its source gave it.

    Attributes:
        id: unique in the collection; free text.
        content: the whole text; None only where `embedding` is given.
        metadata: a JSON object that filters can ask about.
        uri: where the document came from.
        media_type: e.g. `text/markdown`; the `auto` chunker chooses by it.
        embedding: the caller's own vector, shape (dim,): it is stored as one chunk.
    """

    id: str
    content: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=lambda: _NO_METADATA)
    uri: str | None = None
    media_type: str | None = None
    embedding: Vector | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """A piece of a document: `document.content[start:stop] == content`.

    Attributes:
        metadata: where in the document it stands, e.g. `{"headings": ["Install", "Linux"]}`,
            `{"symbol": "Store.search"}`, `{"page": 3}`, `{"lines": [10, 24]}`.
        context: what is put before the content when it is encoded, such as its heading path.
    """

    content: str
    start: int
    stop: int
    metadata: Mapping[str, Any] = field(default_factory=lambda: _NO_METADATA)
    context: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Media:
    """An input for an encoder that is not text; two of the same content are equal.

    Attributes:
        medium: what it is, e.g. `image`.
        data: the bytes of a file, or what it decodes to: pixels, samples.
        media_type: what the bytes are, e.g. `image/png`; None where `data` is an array.
    """

    medium: Medium
    data: bytes | NDArray[Any]
    media_type: str | None = None

    @property
    def size(self) -> int:
        """Bytes of the data."""
        return len(self.data) if isinstance(self.data, bytes) else self.data.nbytes

    @cached_property
    def digest(self) -> bytes:
        """A hash of everything above, 16 bytes."""
        data = self.data if isinstance(self.data, bytes) else self.data.tobytes()
        shape = None if isinstance(self.data, bytes) else (self.data.shape, self.data.dtype.str)
        digest = blake2b(repr((self.medium, self.media_type, shape)).encode(), digest_size=16)
        digest.update(data)
        return digest.digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Media) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


Input: TypeAlias = str | Media
"""What an encoder may be given: a text, or an input of another medium."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A chunk that a search found.

    Attributes:
        distance: pgvector's, smaller is nearer.
        score: larger is better: 1 - distance (cosine), the inner product, or
            1 / (1 + distance) (l2, l1).
        span: character offsets (start, stop) of the chunk in its document.
        location: where in the document the chunk stands, as its chunker said (`Chunk.metadata`):
            `headings` (a list, the outermost first), `symbol` (e.g. `Store.search`), `page` (from
            1), `lines` (the first and the last, from 1); what is unknown is absent.
    """

    id: str
    chunk_no: int
    content: str | None
    metadata: dict[str, Any]
    distance: float
    score: float
    uri: str | None = None
    span: tuple[int, int] | None = None
    location: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPlan:
    """How Postgres answered a search.

    Attributes:
        strategies: "index", "exact", "exact over the few that pass" or "index, then exact": how
            the rows were found.
        index: the vector index that was read; None where Postgres read none.
        scanned: rows of the chunks that were read, those that a filter threw away included (and
            of the codes of an IVF-PQ index). What pgvector walks inside a graph is not among them.
        passing: how many documents pass the filter: counted where they are few, otherwise
            estimated from a sample; None where there is no filter.
        returned: rows found, of `limit` wanted.
        filled: whether so many were found; False: fewer pass the filter and the threshold.
        milliseconds: what it took in Postgres, under EXPLAIN ANALYZE, planning apart.
    """

    strategies: tuple[str, ...]
    index: str | None
    scanned: int
    passing: int | None
    limit: int
    returned: int
    filled: bool
    milliseconds: float

    @property
    def ways(self) -> tuple[str, ...]:
        """The strategies, by the name that they had in 0.1."""
        return self.strategies


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInfo:
    """An embedding model as the catalog knows it.

    Attributes:
        name: what the user wrote, e.g. `all-MiniLM-L6-v2` or `openai:text-embedding-3-small`.
        fingerprint: a digest of the weights and of every setting that moves a vector. Two
            encoders with the same fingerprint may write to and query the same collection,
            whatever their dtype: reduced precision moves a vector by less than an index does.
        modality: what the model is made for, e.g. `code` or `image`. Which media an encoder takes
            is said by the encoder itself (`embeddb.protocols.Multimodal`).
        max_tokens: what the model reads of one text, special tokens included; None if unknown.
        dtype: what the encoder computed in when the collection was created.
    """

    name: str
    fingerprint: str
    dim: int
    revision: str | None = None
    modality: str = "text"
    max_tokens: int | None = None
    query_prompt: str = ""
    document_prompt: str = ""
    normalized: bool = False
    dtype: str = "float32"


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A document that was not taken, or was taken only after a repair, and why.

    Attributes:
        id: the document's id, or a place such as `line 3` of what never became a document.
        document: whether `id` is the id of the one document that failed. Where it is not, nobody
            knows which documents are missing, and nothing is pruned.
    """

    id: str
    error: str
    message: str
    document: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """What a source left out on purpose, such as a file without a parser, and why.

    Attributes:
        reason: a few words that many share, e.g. `no parser` or `empty`: reports count by it.
    """

    id: str
    reason: str


SourceItem: TypeAlias = Document | Failure | Skipped
"""What a source yields: everything that it holds is one of these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestReport:
    """What an ingest did: counts of documents, of chunks written, and of texts encoded.

    Attributes:
        skipped: how many documents the source left out, by the reason.
        types: the type that each column of a CSV or TSV file was read as, e.g. `{"year": "int"}`.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    failed: int = 0
    chunks: int = 0
    encoded: int = 0
    seconds: float = 0.0
    failures: tuple[Failure, ...] = ()
    repaired: tuple[Failure, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: IngestReport) -> IngestReport:
        """Return what two runs did together."""
        skipped = Counter(self.skipped)
        skipped.update(other.skipped)
        return IngestReport(
            added=self.added + other.added,
            updated=self.updated + other.updated,
            unchanged=self.unchanged + other.unchanged,
            deleted=self.deleted + other.deleted,
            failed=self.failed + other.failed,
            chunks=self.chunks + other.chunks,
            encoded=self.encoded + other.encoded,
            seconds=self.seconds + other.seconds,
            failures=self.failures + other.failures,
            repaired=self.repaired + other.repaired,
            skipped=dict(skipped),
            types={**self.types, **other.types},
        )


def as_array(values: Any) -> Any:  # noqa: ANN401  (whatever a model returns)
    """Return a tensor, or a list of tensors, as what NumPy can read; anything else as it is."""
    if isinstance(values, list | tuple) and values and hasattr(values[0], "detach"):
        return [as_array(value) for value in values]
    if not hasattr(values, "detach"):
        return values
    tensor = values.detach().cpu()
    # NumPy has no bfloat16
    return tensor.float().numpy() if tensor.is_floating_point() else tensor.numpy()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciled:
    """What a comparison of an attached collection with its table came to.

    Attributes:
        looked_at: documents that have chunks, and rows, that were looked at.
        removed: documents whose row was gone; their chunks are removed.
        enqueued: rows without chunks, or with those of another text; workers encode them.
    """

    looked_at: int
    removed: int
    enqueued: int
