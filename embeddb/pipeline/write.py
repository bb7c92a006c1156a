"""The last stage: writes batches on a connection of its own, and survives losing it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

import psycopg
from psycopg import errors as pg

from embeddb.db.boundary import connection_lost, translate, translated
from embeddb.db.database import Connection, Database
from embeddb.pipeline.work import Work
from embeddb.repository.documents import Batch, Documents, empty_vectors

RETRY_SECONDS = (0.5, 2.0, 5.0)
"""Pauses before a lost connection is opened again; a batch is one transaction, so writing it a
second time gives the same rows even if the first commit went through unseen."""


class Writer:
    """Writes the works of one run.

    Args:
        fresh: the collection was empty at the start, so rows go straight into the tables until
            one turns out to be there already, written by somebody else.
    """

    def __init__(self, database: Database, documents: Documents, *, dim: int, fresh: bool) -> None:
        self._database = database
        self._documents = documents
        self._dim = dim
        self._fresh = fresh
        self._connection: Connection | None = None

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def write(self, work: Work) -> None:
        """Write one batch in a transaction of its own.

        Raises:
            DatabaseUnavailableError: the server stayed away; the batches before are kept.
        """
        for pause in (*RETRY_SECONDS, None):
            try:
                self._try(work)
                return
            except psycopg.Error as error:
                if pause is None or not connection_lost(error):
                    raise translate(error) from error
                self._connection = None
                time.sleep(pause)

    def write_all(self, works: Sequence[Work]) -> None:
        """Write several batches in one transaction: all of them or none."""
        with translated(), self._database.open() as connection, connection.transaction():
            for work in works:
                self._documents.write(connection, self._batch(work))

    def _try(self, work: Work) -> None:
        if self._connection is None:
            self._connection = self._database.open()
        batch = self._batch(work)
        try:
            self._documents.write(self._connection, batch, fresh=self._fresh)
        except pg.UniqueViolation:
            if not self._fresh:
                raise
            self._fresh = False
            self._documents.write(self._connection, batch)

    def _batch(self, work: Work) -> Batch:
        vectors = empty_vectors(self._dim) if work.vectors is None else work.vectors
        return Batch(
            documents=work.documents, vectors=vectors, metadata_changes=work.metadata_changes
        )
