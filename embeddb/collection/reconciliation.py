"""Chunks compared with the rows of the table that a collection is attached to."""

from __future__ import annotations

import time

from psycopg import errors as pg

from embeddb.collection.base import CollectionBase
from embeddb.db.boundary import translated
from embeddb.db.database import Connection
from embeddb.errors import ConfigurationError, GenerationChangedError
from embeddb.progress import Display, shown
from embeddb.records import Reconciled
from embeddb.repository.attached.reconcile import CHUNKS, PAGE_ROWS, ROWS, Reconciler

PAUSE_SECONDS = 0.1
"""How long to wait where an application, or another process that compares, is in the way."""


class ReconciliationMethods(CollectionBase):
    """The methods of a collection that mend what no trigger noticed."""

    def reconcile(self, *, dry_run: bool = False, progress: bool = False) -> Reconciled:
        """Compare every chunk with the row that it is made of, and mend what differs.

        Chunks whose row is gone are removed. Rows that have no chunks, or chunks of another text,
        come into the queue, and workers encode them. It goes page by page, in short transactions,
        and an interrupted run goes on from where it was. Workers do the same now and then.

        Args:
            dry_run: count what differs, and change nothing.
            progress: whether a progress bar is shown on stderr.

        Raises:
            ConfigurationError: the collection is attached to no table.
            PermissionDeniedError: the role may not, or row-level security hides rows from it.
        """
        if self._record.source is None:
            raise ConfigurationError(
                f"Collection {self.name!r} is attached to no table: its documents are its own."
            )
        with shown(progress) as display, self._database.dedicated() as connection, translated():
            if dry_run:
                return self._differing(connection, display)
            return self._reconciled(connection, display)

    def _differing(self, connection: Connection, display: Display) -> Reconciled:
        reconciler = Reconciler(self._database, self._record)
        counts = {CHUNKS: 0, ROWS: 0}
        looked_at = 0
        for phase in counts:
            after: str | None = None
            while True:
                page = reconciler.look(connection, phase, after)
                counts[phase] += len(page.differing)
                looked_at += page.count
                display.documents(looked_at, None)
                after = page.last
                if page.count < PAGE_ROWS:
                    break
        return Reconciled(looked_at=looked_at, removed=counts[CHUNKS], enqueued=counts[ROWS])

    def _reconciled(self, connection: Connection, display: Display) -> Reconciled:
        reconciler = Reconciler(self._database, self._record)
        collection = reconciler.id(connection)
        reconciler.begin(connection)
        while True:
            try:
                step = reconciler.step(connection, collection)
            except pg.LockNotAvailable:
                step = None
            except GenerationChangedError:
                self._reload()
                reconciler = Reconciler(self._database, self._record)
                continue
            if step is None:
                time.sleep(PAUSE_SECONDS)
                continue
            display.documents(step.looked_at, None)
            if step.finished:
                return Reconciled(
                    looked_at=step.looked_at, removed=step.removed, enqueued=step.enqueued
                )
