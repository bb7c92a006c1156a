"""Feeds existing rows of a source into the queue, a page at a time and never too many at once."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from psycopg import errors as pg

from embeddb.db.database import Connection
from embeddb.repository.attached.rows import SourceRows
from embeddb.repository.queue.backfills import Backfills
from embeddb.worker.connection import ReconnectingConnection

if TYPE_CHECKING:
    from embeddb.worker.collection import WorkerCollection
    from embeddb.worker.context import WorkerContext

PAGES_AHEAD = 4
"""Batches of jobs that wait at most before another page is enqueued, so that what an application
changes meanwhile does not queue behind a million rows."""

LOCK_TIMEOUT_MS = 50
"""How long a page waits for a row that an application's open transaction is about to change."""

PAUSE_SECONDS = 1.0
"""How long the page then rests; what was enqueued before goes on meanwhile."""

log = logging.getLogger("embeddb.worker")


class BackfillFeeder:
    """Enqueues the existing rows of the collections of one lane."""

    def __init__(self, shop: WorkerContext) -> None:
        self._shop = shop
        self._backfills = Backfills(shop.store.database)
        self._resting: dict[int, float] = {}

    def feed(self, link: ReconnectingConnection, member: WorkerCollection) -> bool:
        """Enqueue a page if the queue has room for it; say whether something was enqueued."""
        if self._resting.get(member.id, 0) > time.monotonic():
            return False
        # asked at every turn: whoever attaches again has every row looked at once more
        if not link.run(lambda connection: self._backfills.unfinished(connection, [member.id])):
            return False
        room = PAGES_AHEAD * self._shop.options.batch
        pending = link.run(lambda connection: self._shop.jobs.pending(connection, member.id, room))
        if pending >= room:
            return False
        try:
            return link.run(lambda connection: self._page(connection, member))
        except pg.LockNotAvailable:
            self._resting[member.id] = time.monotonic() + PAUSE_SECONDS
            return False

    def _page(self, connection: Connection, member: WorkerCollection) -> bool:
        size = 2 * self._shop.options.batch
        rows = SourceRows(self._shop.store.database, member.record)
        with connection.transaction():
            held = self._backfills.hold(connection, member.id)
            if held is None:
                return False
            if held[0] is None:
                self._backfills.begin(connection, member.id, member.record)
            keys, last_key = rows.page(connection, held[0], size)
            self._backfills.advance(
                connection,
                member.id,
                keys,
                last_key,
                finished=len(keys) < size,
                lock_timeout_ms=LOCK_TIMEOUT_MS,
            )
        if len(keys) < size:
            log.info("existing rows are all in the queue", extra={"collection": member.name})
        return bool(keys)
