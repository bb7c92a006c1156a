"""Enqueues the existing rows of a source, a page at a time and never too many at once."""

from __future__ import annotations

import logging
import time

from psycopg import errors as pg

from embeddb.db.database import Connection
from embeddb.pipeline.adoption import PAGE_ROWS, Adopter
from embeddb.repository.attached.adopt import Adoptions
from embeddb.repository.attached.rows import SourceRows
from embeddb.repository.queue.backfills import Backfills
from embeddb.worker.collection import WorkerCollection
from embeddb.worker.connection import ReconnectingConnection
from embeddb.worker.context import WorkerContext

BATCHES_AHEAD = 4
"""How many batches of jobs may wait before no further page is enqueued: what an application changes
meanwhile must not queue behind a million rows."""

LOCK_TIMEOUT_MS = 50
"""How long a page waits for a row that an application's open transaction is about to change.

It is far below Postgres's deadlock_timeout, so that if the two wait for each other, it is the
backfill that gives way.
"""

PAUSE_SECONDS = 1.0
"""How long no page of the collection is tried then; the jobs that it has are done meanwhile."""

log = logging.getLogger("embeddb.worker")


class BackfillFeeder:
    """Enqueues the existing rows of the collections of one pipeline."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._backfills = Backfills(context.database)
        self._adoptions = Adoptions(context.database)
        self._paused_until: dict[int, float] = {}

    def feed(self, connection: ReconnectingConnection, collection: WorkerCollection) -> bool:
        """Enqueue a page if the queue has room for it; return whether any row was enqueued."""
        if self._paused_until.get(collection.id, 0) > time.monotonic():
            return False
        # asked at every turn, since attaching again begins the backfill anew
        if not connection.run(self._backfills.unfinished, [collection.id]):
            return False
        room = BATCHES_AHEAD * self._context.options.batch
        if connection.run(self._context.jobs.pending, collection.id, room) >= room:
            return False
        column = connection.run(self._adoptions.column, collection.id)
        try:
            if column is not None:
                return connection.run(self._adopt_page, collection, column)
            return connection.run(self._enqueue_page, collection)
        except pg.LockNotAvailable:
            self._paused_until[collection.id] = time.monotonic() + PAUSE_SECONDS
            return False

    def _adopt_page(
        self, connection: Connection, collection: WorkerCollection, column: str
    ) -> bool:
        """Go on where whoever attached stopped: rows keep the vectors that they have."""
        loaded = collection.load(self._context.database, self._context.models)
        adopter = Adopter(self._context.database, loaded.record, collection.id, loaded.preparer)
        return bool(adopter.page(connection, column, PAGE_ROWS))

    def _enqueue_page(self, connection: Connection, collection: WorkerCollection) -> bool:
        size = 2 * self._context.options.batch
        rows = SourceRows(self._context.database, collection.record)
        with connection.transaction():
            held = self._backfills.hold(connection, collection.id)
            if held is None:
                return False
            if held[0] is None:
                self._backfills.begin(connection, collection.id, collection.record)
            keys, last_key = rows.page(connection, held[0], size)
            finished = len(keys) < size
            self._backfills.advance(
                connection,
                collection.id,
                keys,
                last_key,
                finished=finished,
                lock_timeout_ms=LOCK_TIMEOUT_MS,
            )
        if finished:
            log.info("existing rows are all in the queue", extra={"collection": collection.name})
        return bool(keys)
