"""The last stage: writes batches on connections of its own, and reconnects when it loses one."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import numpy as np
import psycopg
from psycopg import errors as pg

from embeddb.db.boundary import connection_lost, translate
from embeddb.db.database import Connection, Database
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


class Writer:
    """Writes the batches of one run.

    Args:
        fresh: the collection was empty at the start, so rows go straight into the tables until
            one turns out to be there already, from another writer.
    """

    def __init__(self, database: Database, documents: Documents, *, dim: int, fresh: bool) -> None:
        self._dim = dim
        self._fresh = fresh
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

        Raises:
            DatabaseUnavailableError: the server stayed away; what is committed stays.
        """
        batch = self._batch(work)
        if self._fresh:
            # an empty table takes rows faster than they are prepared
            self._fresh = self._connections[0].write(batch, fresh=True)
            return
        parts = list(_parts(batch))
        writes = [
            self._threads.submit(connection.write, part)
            for connection, part in zip(self._connections, parts, strict=False)
        ]
        errors = [error for write in writes if (error := write.exception())]
        if errors:
            raise errors[0]

    def write_all(self, works: Sequence[Work]) -> None:
        """Write several batches in one transaction: all of them or none."""
        batches = [self._batch(work) for work in works]
        if batches:
            self._connections[0].write(
                Batch(
                    documents=[document for part in batches for document in part.documents],
                    vectors=np.concatenate([part.vectors for part in batches]),
                    metadata_changes=[one for part in batches for one in part.metadata_changes],
                )
            )

    def _batch(self, work: Work) -> Batch:
        vectors = empty_vectors(self._dim) if work.vectors is None else work.vectors
        return Batch(
            documents=work.documents, vectors=vectors, metadata_changes=work.metadata_changes
        )


class WriterConnection:
    """One connection, opened when it is needed, and again when it is lost."""

    def __init__(self, database: Database, documents: Documents) -> None:
        self._database = database
        self._documents = documents
        self._connection: Connection | None = None

    def write(self, batch: Batch, *, fresh: bool = False) -> bool:
        """Write a batch in one transaction; return whether the table was empty, as `fresh` says."""
        for pause in (*RETRY_SECONDS, None):
            try:
                self._try(batch, fresh=fresh)
                break
            except pg.UniqueViolation as error:
                if not fresh:
                    raise translate(error) from error
                return self.write(batch)
            except psycopg.Error as error:
                lost = connection_lost(error)
                if pause is None or not (lost or isinstance(error, pg.DeadlockDetected)):
                    raise translate(error) from error
                if lost:
                    self.close()
                time.sleep(pause * random.uniform(0.5, 1))
        return fresh

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, batch: Batch, *, fresh: bool) -> None:
        if self._connection is None:
            self._connection = self._database.open()
        self._documents.write(self._connection, batch, fresh=fresh)


def _parts(batch: Batch) -> Iterator[Batch]:
    """Yield a part of the batch for each connection; a document stays whole."""
    documents = batch.documents
    count = max(1, min(CONNECTIONS, len(documents) // DOCUMENTS_PER_CONNECTION))
    size = -(-len(documents) // count) or 1
    row = 0
    for start in range(0, max(len(documents), 1), size):
        chosen = documents[start : start + size]
        rows = sum(len(document.chunks) for document in chosen)
        yield Batch(
            documents=chosen,
            vectors=batch.vectors[row : row + rows],
            metadata_changes=[] if start else batch.metadata_changes,
        )
        row += rows
