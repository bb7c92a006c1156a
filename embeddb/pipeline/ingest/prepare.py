"""The first stage: validates documents, leaves out what is unchanged, cuts the rest into chunks."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple, TypeGuard, TypeVar

import numpy as np
import orjson
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
    SourceConflictError,
)
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.vectors import as_row
from embeddb.pipeline.ingest.ownership import Ownership
from embeddb.pipeline.ingest.validation import (
    broken_title,
    check_content,
    check_encodable,
    check_fields,
    id_data,
    metadata_json,
    repair,
    utf8,
)
from embeddb.pipeline.ingest.work import COMMIT_SECONDS, Work, failure_of
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
from embeddb.schema.chunkers import TITLE

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
        ownership: says which source each document belongs to.
        id_prefix: what is put before every id.
        title_field: the metadata field that is a document's title.
        clock: seconds; a batch from a slow source does not wait until it is full.
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
        ownership: Ownership | None = None,
        id_prefix: str = "",
        title_field: str = TITLE,
        clock: Callable[[], float] = time.monotonic,
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
        self._ownership = ownership or Ownership()
        self._id_prefix = id_prefix
        self._title_field = title_field
        self._clock = clock
        self.seen: set[int] = set()  # hashes of ids: 64 bytes a document instead of the id

    def batches(self, items: Iterable[SourceItem]) -> Generator[Work, None, None]:
        """Yield batches of about BATCH_CHUNKS chunks, or less where the source is slow.

        A document is never split.
        """
        size = WINDOW_DOCUMENTS if self._generation.model else WINDOW_VECTORS
        work, due = Work(), self._clock() + COMMIT_SECONDS
        for window in self._windows(items, size):
            self._add(work, window)
            is_full = work.chunks >= BATCH_CHUNKS or work.seen >= 4 * WINDOW_VECTORS
            if is_full or self._clock() >= due:
                yield work
                work, due = Work(), self._clock() + COMMIT_SECONDS
        if work.seen:
            yield work

    def _windows(self, items: Iterable[Item], size: int) -> Iterator[list[Item]]:
        """Yield lists of `size` items, or of what there is when it is time to write."""
        window: list[Item] = []
        due = self._clock() + COMMIT_SECONDS
        for item in items:
            window.append(item)
            if len(window) >= size or self._clock() >= due:
                yield window
                window, due = [], self._clock() + COMMIT_SECONDS
        if window:
            yield window

    def _add(self, work: Work, window: list[SourceItem]) -> None:
        checked: list[_Checked] = []
        for item in window:
            work.seen += 1
            if self._id_prefix:
                item = _prefixed(item, self._id_prefix)
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
        title = None if self._titled is None else _title(item, self._title_field)
        document = _ready(work, item, data, vector, title)
        if self._codec is not None:
            check_encodable(item, document.metadata, self._encoding, self._codec)
        document.source_id = self._ownership.id
        if (layout := self._generation.layout) is not None:
            document.part = layout.part(item.id, json.loads(document.metadata))
        return [_Checked(document, vector, length)]

    def _changed(self, work: Work, checked: list[_Checked]) -> list[_Checked]:
        """Return what is new or changed, and note the rest in the work."""
        known = self._documents.known([item.document.id for item in checked])
        changed: list[_Checked] = []
        updated: list[str] = []
        new: list[bytes] = []
        for item in checked:
            document = item.document
            before = known.get(document.id)
            if before is None:
                new.append(document.content_hash)
                changed.append(item)
            elif not self._owned(work, before, document):
                continue
            elif before.content_hash != document.content_hash:
                changed.append(item)
                updated.append(document.id)
            else:
                _note_same(work, before, document)
        if self._generation.model is not None:
            self._recall(work, updated, new)
        work.updated.update(updated)
        return changed

    def _owned(self, work: Work, before: Known, document: ReadyDocument) -> bool:
        """Set which source a stored document belongs to; return whether it may be replaced."""
        try:
            document.source_id = self._ownership.owner(before, document)
        except SourceConflictError as error:
            self._reject(work, document.id, error)
            return False
        if document.source_id != before.source_id:
            document.taken_from = before.source_id
        return True

    def _recall(self, work: Work, updated: list[str], new: list[bytes]) -> None:
        """Find the stored vectors of what is not to be encoded again.

        A changed document keeps those of the chunks that stayed, and one that is stored under
        another id, as after a file was renamed, keeps all.
        """
        twins = self._documents.same_content(new) if new else []
        if ids := [*updated, *twins]:
            work.known_vectors |= self._documents.chunk_vectors(ids)

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
                    chunks = self._titled.chunks(content, document.media_type, title=document.title)
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
        work.failures.append(failure_of(str(id), error))


class _Checked(NamedTuple):
    """A document that may be written, and the vector that it brought."""

    document: ReadyDocument
    vector: Vector | None
    length: int


def _label(id: str) -> str:
    return f"The embedding of document {id!r}"


def _prefixed(item: SourceItem, prefix: str) -> SourceItem:
    """Return an item under an id of this run; what is no document keeps its place."""
    named = isinstance(item, Document | Skipped) or item.document
    return replace(item, id=f"{prefix}{item.id}") if named else item


def _note_same(work: Work, before: Known, document: ReadyDocument) -> None:
    """Note a document whose content stayed: its metadata may be new, or its source."""
    if before.uri != document.uri or not same_metadata(before.metadata, document.metadata):
        work.metadata_changes.append(document)
        return
    work.unchanged += 1
    if document.source_id not in (None, before.source_id):
        work.adopted.append(document)


def _reads_title(chunker: Chunker | None) -> TypeGuard[TitledChunker]:
    """Return whether a chunker reads the titles of documents: one of the user's own may not."""
    return isinstance(chunker, TitledChunker) and chunker.reads_title


def _title(item: Document, field: str) -> str | None:
    """Return the title that a field of a document's metadata holds."""
    found = item.metadata.get(field)
    if not isinstance(found, str):
        return None
    return repair(found)[:MAX_TITLE].strip() or None


def _ready(
    work: Work, item: Document, id_data: bytes, vector: Vector | None, title: str | None = None
) -> ReadyDocument:
    check_fields(item)
    data = None if item.content is None else utf8(item.content)
    repaired: list[str] = []
    if data is None and item.content is not None:
        data = repair(item.content).encode()
        repaired.append("text")
    uri = item.uri
    if uri is not None and utf8(uri) is None:
        uri = repair(uri)
        repaired.append("uri")
    if (broken := broken_title(item.metadata)) is not None:
        item = replace(item, metadata={**item.metadata, TITLE: repair(broken)})
        repaired.append("title")
    if repaired:
        work.repaired.append(_repair_of(item.id, repaired))
    return ReadyDocument(
        id=item.id,
        id_data=id_data,
        data=data,
        metadata=metadata_json(item),
        uri=uri,
        media_type=item.media_type,
        content_hash=_digest(data, item.media_type, vector, title),
        title=title,
    )


def _repair_of(id: str, fields: list[str]) -> Failure:
    listed = ", ".join(fields)
    message = f"NUL characters or lone surrogates were replaced by U+FFFD: {listed}."
    return Failure(id=id, error=InvalidTextError.__name__, message=message, document=True)


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
