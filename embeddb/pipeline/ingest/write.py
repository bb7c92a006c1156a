"""The last stage: writes batches on connections of its own, and reconnects when it loses one."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeAlias

import numpy as np
import psycopg
from psycopg import errors as pg

from embeddb.db.boundary import blames_a_row, connection_lost, translate
from embeddb.db.database import Connection, Database
from embeddb.errors import DocumentError, DocumentRefusedError, SourceConflictError
from embeddb.pipeline.ingest.work import Work
from embeddb.repository.collections.documents import Batch, Documents, empty_vectors

RETRY_SECONDS = (0.5, 2.0, 5.0)
"""The longest pauses before a part is tried again, after a lost connection or a deadlock. A part is
one transaction, so writing it a second time makes the same rows, even if the first commit went
through unseen."""

CONNECTIONS = 2
"""Connections that share a batch. Replacing a row takes some milliseconds, nearly all of them in
the HNSW index, and one server process does one row at a time."""

DOCUMENTS_PER_CONNECTION = 64
"""With fewer documents to each, a batch is not worth a second connection."""


Refused: TypeAlias = dict[str, DocumentError]
"""The documents that Postgres refuses, by id."""


class Writer:
    """Writes the batches of one run.

    Args:
        fresh: the collection was empty at the start, so rows go straight into the tables until
            one turns out to be there already, from another writer.
        strict: whether to stop at a document that Postgres refuses.
    """

    def __init__(
        self,
        database: Database,
        documents: Documents,
        *,
        dim: int,
        fresh: bool,
        strict: bool = False,
    ) -> None:
        self._dim = dim
        self._fresh = fresh
        self._strict = strict
        self._connections = [WriterConnection(database, documents) for _ in range(CONNECTIONS)]
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="embeddb-write")

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()

    def write(self, work: Work) -> None:
        """Write one batch, in one transaction or a few; no document is spread over two.

        What Postgres refuses is counted as failed, and the others are written.

        Raises:
            DocumentError: strict, and Postgres refuses a document.
            DatabaseUnavailableError: the server stayed away; what is committed stays.
        """
        batch = self._batch(work)
        if self._fresh:
            # an empty table takes rows faster than they are prepared
            self._fresh, refused = self._connections[0].write_apart(batch, fresh=True)
        else:
            refused = self._write_parts(batch)
        if self._strict and refused:
            raise next(iter(refused.values()))
        work.refuse(refused)

    def _write_parts(self, batch: Batch) -> Refused:
        writes = [
            self._threads.submit(connection.write_apart, part)
            for connection, part in zip(self._connections, _parts(batch), strict=False)
        ]
        errors = [error for write in writes if (error := write.exception())]
        if errors:
            raise errors[0]
        return {id: error for write in writes for id, error in write.result()[1].items()}

    def write_all(self, works: Sequence[Work]) -> None:
        """Write several batches in one transaction: all of them or none.

        Raises:
            DocumentError: Postgres refuses a document, which is named.
        """
        batches = [self._batch(work) for work in works]
        if batches:
            self._connections[0].write_all(
                Batch(
                    documents=[document for part in batches for document in part.documents],
                    vectors=np.concatenate([part.vectors for part in batches]),
                    metadata_changes=[one for part in batches for one in part.metadata_changes],
                    adopted=[one for part in batches for one in part.adopted],
                )
            )

    def _batch(self, work: Work) -> Batch:
        vectors = empty_vectors(self._dim) if work.vectors is None else work.vectors
        return Batch(
            documents=work.documents,
            vectors=vectors,
            metadata_changes=work.metadata_changes,
            adopted=work.adopted,
        )


class WriterConnection:
    """One connection, opened when it is needed, and again when it is lost."""

    def __init__(self, database: Database, documents: Documents) -> None:
        self._database = database
        self._documents = documents
        self._connection: Connection | None = None

    def write_apart(self, batch: Batch, *, fresh: bool = False) -> tuple[bool, Refused]:
        """Write a batch without the documents that Postgres refuses.

        It is halved until these stand alone. Returned are whether the table was empty, as `fresh`
        says, and the error of each document that is left out.
        """
        try:
            return self._write(batch, fresh=fresh), {}
        except _REFUSALS as error:
            ids = batch.ids
            if len(ids) == 1:
                return fresh, {ids[0]: _named(ids[0], error)}
        refused: Refused = {}
        for part in _halves(batch):
            fresh, more = self.write_apart(part, fresh=fresh)
            refused |= more
        return fresh, refused

    def write_all(self, batch: Batch) -> None:
        """Write a batch in one transaction.

        Raises:
            DocumentError: Postgres refuses a document, which is named; nothing is written.
        """
        try:
            self._write(batch)
        except _REFUSALS as error:
            while len(batch.ids) > 1:
                first, second = _halves(batch)
                batch = first if self._is_refused(first) else second
            raise _named(batch.ids[0], error) from error

    def _is_refused(self, batch: Batch) -> bool:
        """Return whether a batch cannot be written; it is not written if it can."""
        connection = self._connect()
        try:
            with connection.transaction(force_rollback=True):
                self._documents.write(connection, batch)
        except (psycopg.Error, *_REFUSALS):
            return True
        return False

    def _write(self, batch: Batch, *, fresh: bool = False) -> bool:
        """Write a batch in one transaction; return whether the table was empty, as `fresh` says."""
        for pause in (*RETRY_SECONDS, None):
            try:
                self._documents.write(self._connect(), batch, fresh=fresh)
                break
            except psycopg.Error as error:
                if fresh and isinstance(error, pg.UniqueViolation):
                    return self._write(batch)
                if blames_a_row(error):
                    raise DocumentRefusedError(_words(error)) from error
                self._recover(error, pause)
        return fresh

    def _recover(self, error: psycopg.Error, pause: float | None) -> None:
        """Wait before the next attempt, with another connection if this one was lost."""
        lost = connection_lost(error)
        if pause is None or not (lost or isinstance(error, pg.DeadlockDetected)):
            raise translate(error) from error
        if lost:
            self.close()
        time.sleep(pause * random.uniform(0.5, 1))

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = self._database.open()
        return self._connection


_REFUSALS = (DocumentRefusedError, SourceConflictError)


def _halves(batch: Batch) -> tuple[Batch, Batch]:
    count = len(batch.ids)
    return batch.part(0, count // 2), batch.part(count // 2, count)


def _named(id: str, error: DocumentError) -> DocumentError:
    return type(error)(f"Document {id!r}: {error}")


def _words(error: psycopg.Error) -> str:
    words = filter(None, (error.diag.message_primary, error.diag.message_hint))
    return "Postgres refuses to store it: " + " ".join(words)


def _parts(batch: Batch) -> Iterator[Batch]:
    """Yield a part of the batch for each connection; a document stays whole."""
    documents, every = len(batch.documents), len(batch.ids)
    count = max(1, min(CONNECTIONS, documents // DOCUMENTS_PER_CONNECTION))
    size = -(-documents // count) or 1
    for start in range(0, max(documents, 1), size):
        stop = start + size
        yield batch.part(start, every if stop >= documents else stop)
