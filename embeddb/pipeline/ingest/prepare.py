"""The first stage: validates documents, leaves out what is unchanged, cuts the rest into chunks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeGuard, TypeVar

import numpy as np
from tokenizers import Tokenizer

from embeddb.chunkers import with_context
from embeddb.db.session import ENCODING, codec_of
from embeddb.errors import (
    ChunkTooLongError,
    DocumentError,
    DuplicateIdError,
    EmbedDBError,
    EmptyDocumentError,
    IngestAbortedError,
    InvalidTextError,
)
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.vectors import as_row
from embeddb.pipeline.ingest.validation import (
    check_content,
    check_encodable,
    id_data,
    metadata_json,
    repair,
    utf8,
)
from embeddb.pipeline.ingest.work import Work
from embeddb.protocols import Chunker, TitledChunker
from embeddb.records import Chunk, Document, Failure, Skipped, SourceItem, Vector
from embeddb.repository.collections.document_reader import Known
from embeddb.repository.collections.documents import (
    Documents,
    ReadyChunk,
    ReadyDocument,
    same_metadata,
)
from embeddb.schema.catalog import Generation

Item = TypeVar("Item")

WINDOW_DOCUMENTS = 256
"""Documents read and compared at once, where they are to be encoded."""

WINDOW_VECTORS = 4096
"""The same where they bring their vectors: 6 MB at 384 dimensions."""

BATCH_CHUNKS = 1024
"""Chunks that are encoded and written together: what an interrupted run has to do again."""

HASH_BYTES = 16

MAX_TITLE = 500
"""Characters of a title that are read: contexts are shorter in any case."""


class Preparer:
    """Turns the documents of one source into batches of work.

    Args:
        documents: what the collection has already.
        generation: the form that the documents take.
        form: what the generation makes of a caller's own vector.
        chunker: cuts texts; None where the documents bring their vectors.
        tokenizer: measures chunks; None where the model shows none.
        capacity: the most tokens of a chunk; None where the model has no limit.
        fresh: whether the collection is empty, so that nothing can be unchanged.
        strict: whether to raise at the first document that cannot be taken.
        encoding: that of the database, as Postgres calls it.
    """

    def __init__(
        self,
        documents: Documents,
        generation: Generation,
        form: StoredForm,
        *,
        chunker: Chunker | None,
        tokenizer: Tokenizer | None,
        capacity: int | None,
        fresh: bool,
        strict: bool,
        encoding: str = ENCODING,
    ) -> None:
        self._documents = documents
        self._generation = generation
        self._form = form
        self._chunker = chunker
        self._titled = chunker if _reads_title(chunker) else None
        self._tokenizer = tokenizer
        self._capacity = capacity
        self._fresh = fresh
        self._strict = strict
        self._encoding = encoding
        self._codec = codec_of(encoding)
        self.seen: set[int] = set()  # hashes of ids: 64 bytes a document instead of the id

    def batches(self, items: Iterable[SourceItem]) -> Generator[Work, None, None]:
        """Yield batches of about BATCH_CHUNKS chunks; a document is never split."""
        size = WINDOW_DOCUMENTS if self._generation.model else WINDOW_VECTORS
        work = Work()
        for window in _windows(items, size):
            self._add(work, window)
            if work.chunks >= BATCH_CHUNKS or work.seen >= 4 * WINDOW_VECTORS:
                yield work
                work = Work()
        if work.seen:
            yield work

    def _add(self, work: Work, window: list[SourceItem]) -> None:
        checked: list[_Checked] = []
        for item in window:
            work.seen += 1
            try:
                checked += self._check(work, item)
            except EmbedDBError as error:
                self._reject(work, item.id, error)
        changed = checked if self._fresh else self._changed(work, checked)
        if self._generation.model is None:
            self._take_vectors(work, changed)
        else:
            self._cut(work, [item.document for item in changed])

    def _check(self, work: Work, item: SourceItem) -> list[_Checked]:
        if isinstance(item, Skipped):
            work.skipped[item.reason] += 1
            return []
        if isinstance(item, Failure):
            self.seen.add(hash(item.id))
            if self._strict:
                raise IngestAbortedError(f"{item.id}: {item.message}")
            work.failures.append(item)
            return []
        data = id_data(item)
        key = hash(item.id)
        if key in self.seen:
            raise DuplicateIdError(
                f"Document {item.id!r} occurs twice, and the first one was taken. "
                "Give each document an id of its own."
            )
        self.seen.add(key)
        has_model = self._generation.model is not None
        check_content(item, has_model=has_model)
        vector = None
        if not has_model:
            vector = as_row(item.embedding, self._generation.dim, _label(item.id))
        length = len(item.content) if item.content else 0
        title = None if self._titled is None else _title(item)
        document = _ready(work, item, data, vector, title)
        if self._codec is not None:
            check_encodable(item, document.metadata, self._encoding, self._codec)
        if (layout := self._generation.layout) is not None:
            document.part = layout.part(item.id, json.loads(document.metadata))
        return [_Checked(document, vector, length)]

    def _changed(self, work: Work, checked: list[_Checked]) -> list[_Checked]:
        """Return what is new or changed, and note the rest in the work."""
        known = self._documents.known([item.document.id for item in checked])
        changed: list[_Checked] = []
        updated: list[str] = []
        for item in checked:
            document = item.document
            before = known.get(document.id)
            if before is None or before.content_hash != document.content_hash:
                changed.append(item)
                if before is not None:
                    updated.append(document.id)
            elif _same(before, document):
                work.unchanged += 1
            else:
                work.metadata_changes.append(document)
        if updated and self._generation.model is not None:
            work.known_vectors |= self._documents.chunk_vectors(updated)
        work.updated.update(updated)
        return changed

    def _take_vectors(self, work: Work, changed: list[_Checked]) -> None:
        """Take the caller's vectors: each document is one chunk."""
        if not changed:
            return
        rows = np.stack([item.vector for item in changed if item.vector is not None])
        rows, problems = self._form.vectors(rows, lambda row: _label(changed[row].document.id))
        for row, problem in problems.items():
            self._reject(work, changed[row].document.id, problem)
        if problems:
            kept = [row for row in range(len(changed)) if row not in problems]
            changed = [changed[row] for row in kept]
            rows = rows[kept]
        for item in changed:
            item.document.chunks = (_whole(item),)
            work.documents.append(item.document)
        work.vectors = rows if work.vectors is None else np.concatenate([work.vectors, rows])

    def _cut(self, work: Work, changed: list[ReadyDocument]) -> None:
        assert self._chunker is not None  # a collection with a model has a chunker
        for document in changed:
            content = (document.data or b"").decode()
            try:
                if self._titled is None:
                    chunks = self._chunker.chunks(content, document.media_type)
                else:
                    chunks = self._titled.chunks(
                        content, document.media_type, title=document.title
                    )
                if not chunks:
                    raise EmptyDocumentError(f"Document {document.id!r} has no text to encode.")
                self._check_lengths(
                    document, [with_context(chunk.context, chunk.content) for chunk in chunks]
                )
            except DocumentError as error:
                self._reject(work, document.id, error)
                continue
            document.chunks = tuple(map(_ready_chunk, chunks))
            work.documents.append(document)

    def _check_lengths(self, document: ReadyDocument, texts: list[str]) -> None:
        """Check that the model reads every chunk whole: it would cut off the rest silently."""
        if self._tokenizer is None or self._capacity is None:
            return
        for encoding in self._tokenizer.encode_batch(texts, add_special_tokens=False):
            if len(encoding) > self._capacity:
                raise ChunkTooLongError(
                    f"A chunk of document {document.id!r} has {len(encoding)} tokens, and the "
                    f"model reads {self._capacity}: let a chunker cut it (chunker='auto')."
                )

    def _reject(self, work: Work, id: str, error: EmbedDBError) -> None:
        if self._strict:
            raise error
        work.failures.append(Failure(id=str(id), error=type(error).__name__, message=str(error)))


class _Checked(NamedTuple):
    """A document that may be written, and the vector that it brought."""

    document: ReadyDocument
    vector: Vector | None
    length: int


def _label(id: str) -> str:
    return f"The embedding of document {id!r}"


def _same(before: Known, document: ReadyDocument) -> bool:
    return before.uri == document.uri and same_metadata(before.metadata, document.metadata)


def _reads_title(chunker: Chunker | None) -> TypeGuard[TitledChunker]:
    """Return whether a chunker is told the titles of documents: one of the user's own may not be."""
    return isinstance(chunker, TitledChunker) and chunker.reads_title


def _title(item: Document) -> str | None:
    """Return the title that a document's metadata holds."""
    found = item.metadata.get("title")
    if not isinstance(found, str):
        return None
    return repair(found)[:MAX_TITLE].strip() or None


def _ready(
    work: Work, item: Document, id_data: bytes, vector: Vector | None, title: str | None = None
) -> ReadyDocument:
    data = None if item.content is None else utf8(item.content)
    if data is None and item.content is not None:
        data = repair(item.content).encode()
        work.repaired.append(
            Failure(
                id=item.id,
                error=InvalidTextError.__name__,
                message="NUL characters or lone surrogates were replaced by U+FFFD.",
            )
        )
    return ReadyDocument(
        id=item.id,
        id_data=id_data,
        data=data,
        metadata=metadata_json(item),
        uri=None if item.uri is None else repair(item.uri),
        media_type=item.media_type,
        content_hash=_digest(data, item.media_type, vector, title),
        title=title,
    )


def _ready_chunk(chunk: Chunk) -> ReadyChunk:
    data = chunk.content.encode()
    location = orjson.dumps(dict(chunk.metadata)) if chunk.metadata else None
    digest = _digest(data, context=chunk.context)
    return ReadyChunk(data, (chunk.start, chunk.stop), digest, location, chunk.context)


def _whole(item: _Checked) -> ReadyChunk:
    document = item.document
    return ReadyChunk(document.data, (0, item.length), document.content_hash)


def _digest(
    data: bytes | None,
    media_type: str | None = None,
    vector: Vector | None = None,
    context: str | None = None,
) -> bytes:
    """Return a hash of a text and of what it is encoded with; `context` may be a title."""
    digest = hashlib.blake2b(data or b"", digest_size=HASH_BYTES)
    if media_type is not None:
        digest.update(b"\0" + media_type.encode())
    if vector is not None:
        digest.update(np.ascontiguousarray(vector).data)
    if context:
        digest.update(b"\0\0" + context.encode())
    return digest.digest()


def _windows(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while window := list(islice(iterator, size)):
        yield window
