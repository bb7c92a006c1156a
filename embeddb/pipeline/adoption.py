"""Vectors of an application's own column taken over: checked on a sample, then page by page.

A row keeps its vector where a worker would make one chunk of it. Its chunk is then exactly the
worker's, hash and span included, so that a worker finds the row unchanged. Every other row is a
job: one without a vector, or with one that cannot be stored, and one that is cut into several
chunks, since a single vector stands for the whole of it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from psycopg import errors as pg

from embeddb.chunkers import ChunkerSpec, make_chunker, with_context
from embeddb.db.database import Connection, Database
from embeddb.encoders import isolate
from embeddb.errors import (
    EmbedDBWarning,
    EmbeddingColumnError,
    GenerationChangedError,
    VectorsDisagreeError,
)
from embeddb.pipeline.generation.form import StoredForm
from embeddb.pipeline.generation.model import BoundModel
from embeddb.pipeline.ingest.prepare import Preparer
from embeddb.progress import Display
from embeddb.records import Document, Vector
from embeddb.repository.attached.adopt import Adoptions, Sampled, source_rows
from embeddb.repository.attached.rows import AttachedChunks, SourceRow, SourceRows
from embeddb.repository.collections.documents import Documents, ReadyDocument
from embeddb.repository.collections.writers import join_writers
from embeddb.repository.queue.backfills import Backfills
from embeddb.schema.catalog import CollectionRecord

SAMPLE = 50
"""Rows whose texts are encoded, to compare the result with what is stored."""

LEAST_COSINE = 0.98
"""What the same model gives for the same text, float16 and other hardware allowed for."""

PAGE_ROWS = 1000
"""Rows taken in one transaction: whoever changes one of them waits for its end."""

LOCK_TIMEOUT_MS = 50
"""Far below Postgres's deadlock_timeout: if an application's transaction and a page wait for each
other, it is the page that gives way."""

RETRY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near stored vectors are to what a model makes of their rows' texts.

    Attributes:
        cosines: of each compared row, shape (n,).
        left: sampled rows that are cut into several chunks, or that the model cannot take.
    """

    cosines: Vector
    left: int

    @property
    def median(self) -> float:
        """The median cosine; NaN where no row was compared."""
        return float(np.median(self.cosines)) if len(self.cosines) else float("nan")

    @property
    def stale(self) -> int:
        """The number of rows whose vectors are of another text than theirs."""
        return int(np.count_nonzero(~(self.cosines >= LEAST_COSINE)))


def preparer_of(database: Database, record: CollectionRecord, model: BoundModel) -> Preparer:
    """Return what cuts rows into chunks as a worker does."""
    tokenizer, capacity = model.tokenizer(), model.capacity()
    spec = ChunkerSpec.stored(record.generation.chunker)
    return Preparer(
        Documents(database, record),
        record.generation,
        StoredForm(database, record.generation),
        chunker=make_chunker(spec, tokenizer, capacity),
        tokenizer=tokenizer,
        capacity=capacity,
        fresh=True,
        strict=False,
    )


def check_agreement(
    database: Database, record: CollectionRecord, column: str, model: BoundModel, *, trust: bool
) -> None:
    """Check on a sample that a column's vectors are the model's of these texts.

    Args:
        database: where the table is.
        record: the collection as it will be.
        column: the column of the vectors.
        model: the collection's model.
        trust: whether to go on where the vectors disagree, with a warning.

    Raises:
        EmbeddingColumnError: the sampled vectors have another size than the model's.
        VectorsDisagreeError: they are of another model, or of other texts.
    """
    with database.transaction() as connection:
        drawn = source_rows(database, record, column).sample(connection, SAMPLE)
    sampled = [one for one in drawn if (one.row.content or "").strip()]
    if not sampled:
        return
    dim = record.generation.dim
    if all(len(one.vector) != dim for one in sampled):
        raise EmbeddingColumnError(
            f"Column {column} holds vectors of {len(sampled[0].vector)} dimensions, and the model "
            f"makes {dim}: name the model that the vectors were made with."
        )
    found = measure([one for one in sampled if len(one.vector) == dim], database, record, model)
    _judge(found, column, trust=trust)
    if found.left:
        _warn(f"{found.left} of {len(sampled)} sampled rows " + _why_left(record))


def measure(
    sampled: Sequence[Sampled], database: Database, record: CollectionRecord, model: BoundModel
) -> Agreement:
    """Return how near the vectors of sampled rows are to what the model makes of their texts."""
    vectors = {one.row.id: one.vector for one in sampled}
    documents = whole(preparer_of(database, record, model), [one.row for one in sampled])
    texts = []
    for document in documents:
        chunk = document.chunks[0]
        texts.append(with_context(chunk.context, (chunk.data or b"").decode()))
    left = len(sampled) - len(documents)
    if not texts:
        return Agreement(np.empty(0, dtype=np.float32), left)
    encoded = isolate(model.encoder, texts)
    kept = [row for row in range(len(texts)) if row not in encoded.errors]
    there = np.array([vectors[documents[row].id] for row in kept]).reshape(len(kept), -1)
    made = encoded.vectors[kept]
    lengths = np.linalg.norm(there, axis=1) * np.linalg.norm(made, axis=1)
    with np.errstate(all="ignore"):
        cosines = np.einsum("ij,ij->i", there, made) / lengths
    usable = lengths > 0  # a zero vector is encoded anew
    return Agreement(cosines[usable].astype(np.float32), left)


def _why_left(record: CollectionRecord) -> str:
    if ChunkerSpec.stored(record.generation.chunker).kind == "none":
        return (
            "are longer than the model reads, and chunker='none' leaves them whole: they keep no "
            "vector, and workers give them up. Without chunker='none' they are encoded in pieces."
        )
    return (
        "are longer than one chunk, and one vector stands for a whole row: workers encode such "
        "rows in pieces. With chunker='none' a row is one chunk."
    )


def _judge(found: Agreement, column: str, *, trust: bool) -> None:
    rows = len(found.cosines)
    if rows and not found.median >= LEAST_COSINE:
        message = (
            f"The vectors of column {column} are not what the model makes of these texts: median "
            f"cosine {found.median:.2f} on {rows} rows, where the same model gives "
            f"{LEAST_COSINE} or more."
        )
        if not trust:
            error = VectorsDisagreeError(
                f"{message} They were made by another model, of another text, or with another "
                "prompt; a title in the metadata is read with the text, too. Searches would "
                "compare what cannot be compared. Name the model and the text that they were made "
                "with; leave embedding_column out to encode the rows anew; or, if you know why "
                "they differ, take them with trust_vectors=True (--trust-vectors)."
            )
            error.median, error.rows = found.median, rows
            raise error
        _warn(message + " They are taken all the same.")
    elif found.stale:
        _warn(
            f"{found.stale} of {rows} sampled rows have vectors in column {column} that are not of "
            "their text; such rows keep them until their text changes. To encode rows anew, set "
            "the column to NULL there before attaching."
        )


def _warn(message: str) -> None:
    warnings.warn(message, EmbedDBWarning, stacklevel=5)


def whole(preparer: Preparer, rows: Sequence[SourceRow]) -> list[ReadyDocument]:
    """Return those of these rows that are one chunk each."""
    documents = (
        Document(id=row.id, content=row.content, metadata=row.metadata)
        for row in rows
        if (row.content or "").strip()
    )
    works = preparer.batches(documents)
    return [document for work in works for document in work.documents if len(document.chunks) == 1]


class Adopter:
    """Takes the vectors of existing rows, in the place of a backfill that enqueues the rows.

    Args:
        database: where the collection is.
        record: the collection.
        id: its id in the catalog.
        preparer: returns what cuts rows as a worker does; called for each page.
    """

    def __init__(
        self,
        database: Database,
        record: CollectionRecord,
        id: int,
        preparer: Callable[[], Preparer],
    ) -> None:
        self._database = database
        self._record = record
        self._id = id
        self._preparer = preparer
        self._form = StoredForm(database, record.generation)
        self._rows = SourceRows(database, record)
        self._chunks = AttachedChunks(database, record)
        self._backfills = Backfills(database)
        self._adoptions = Adoptions(database)

    def page(self, connection: Connection, column: str, size: int = PAGE_ROWS) -> int | None:
        """Take the vectors of the next page of rows, and enqueue those that keep none.

        Returns:
            The number of rows of the page; None where there is no more, or somebody else is at it.

        Raises:
            GenerationChangedError: the collection was converted meanwhile.
            psycopg.errors.LockNotAvailable: an application's open transaction is about to change
                one of the rows; nothing was done.
        """
        with connection.transaction():
            held = self._backfills.hold(connection, self._id)
            if held is None:
                return None
            # the order of a worker's locks: the collection's writers, then the jobs
            active = join_writers(connection, self._database.schema, self._record.name)
            if active != self._record.generation.number:
                raise GenerationChangedError
            if held[0] is None:
                self._backfills.begin(connection, self._id, self._record)
            keys, last_key = self._rows.page(connection, held[0], size)
            self._backfills.bound_wait(connection, LOCK_TIMEOUT_MS)
            untouched = self._adoptions.enqueue(connection, self._id, keys)
            taken = self._take(connection, column, untouched)
            self._adoptions.finish(connection, self._id, taken)
            finished = len(keys) < size
            self._backfills.note(connection, self._id, len(keys), last_key, finished=finished)
        return len(keys)

    def _take(self, connection: Connection, column: str, keys: list[str]) -> list[str]:
        """Store the vectors of rows whose jobs are locked; return the keys of those rows."""
        # a conversion is to another model, perhaps: only the first generation is the column's
        if not keys or self._record.generation.number != 1:
            return []
        stored = self._chunks.stored(connection, keys)
        keys = [key for key in keys if key not in stored]
        rows = self._rows.read(connection, keys)
        there = source_rows(self._database, self._record, column).read(connection, keys)
        dim = self._record.generation.dim
        usable = [row for key, row in rows.items() if key in there and len(there[key]) == dim]
        documents = whole(self._preparer(), usable)
        if not documents:
            return []
        raw = np.array([there[document.id] for document in documents], dtype=np.float32)
        vectors, problems = self._form.vectors(raw, lambda row: documents[row].id)
        kept = [row for row in range(len(documents)) if row not in problems]
        chosen = [documents[row] for row in kept]
        if chosen:
            self._chunks.replace(connection, chosen, vectors[kept])
        return [document.id for document in chosen]


def adopt(
    database: Database, record: CollectionRecord, model: BoundModel, column: str, display: Display
) -> None:
    """Take the vectors of all rows that were there when a collection was attached.

    If this is interrupted, the next worker goes on where it stopped.
    """
    adoptions = Adoptions(database)
    with database.connection() as connection:
        id = adoptions.collection(connection, record)
    adopter = Adopter(database, record, id, lambda: preparer_of(database, record, model))
    while True:
        with database.connection() as connection:
            done, total, finished = adoptions.state(connection, id)
        display.documents(done, total)
        if finished:
            return
        try:
            with database.transaction() as connection:
                count = adopter.page(connection, column)
        except pg.LockNotAvailable:
            count = None
        if count is None:
            time.sleep(RETRY_SECONDS)
