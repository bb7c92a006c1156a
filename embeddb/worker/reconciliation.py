"""Compares collections with their tables now and then, a page at a time, between other work."""

from __future__ import annotations

import logging
import time

from psycopg import errors as pg

from embeddb.repository.attached.reconcile import Reconciler, due
from embeddb.worker.collection import WorkerCollection
from embeddb.worker.connection import ReconnectingConnection
from embeddb.worker.context import WorkerContext

CHECK_SECONDS = 30.0
"""How often to look whether a comparison is due, once there was none to go on with."""

PAUSE_SECONDS = 1.0
"""How long no page is tried where an application holds one of its rows."""

REST = 20.0
"""How long to rest after a page, in times of what it took: writers must not feel the comparison.
A worker that is to end takes no rest."""

log = logging.getLogger("embeddb.worker")


class Reconciliation:
    """Compares the collections of one pipeline with their tables."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._not_before: dict[int, float] = {}
        self._going_on: dict[int, bool] = {}

    def wait_seconds(self, longest: float) -> float:
        """Return how long until the next page of a comparison that goes on, at most `longest`."""
        now = time.monotonic()
        pauses = [
            self._not_before.get(number, now) - now
            for number, going_on in self._going_on.items()
            if going_on
        ]
        return max(min([longest, *pauses]), 0.0)

    def step(self, connection: ReconnectingConnection, collection: WorkerCollection) -> bool:
        """Look at one page if a comparison is due; return whether there may be more to do."""
        if self._not_before.get(collection.id, 0.0) > time.monotonic():
            return False
        schema, seconds = self._context.database.schema, interval(self._context)
        if not connection.run(due, schema, [collection.id], seconds):
            self._pause(collection, 0.0 if self._context.options.once else CHECK_SECONDS)
            return False
        reconciler = Reconciler(self._context.database, collection.record)
        started = time.monotonic()
        try:
            step = connection.run(reconciler.step, collection.id)
        except pg.LockNotAvailable:
            step = None
        if step is None:
            self._pause(collection, PAUSE_SECONDS)
            return False
        self._going_on[collection.id] = not step.finished
        if not self._context.options.once:
            self._pause(collection, REST * (time.monotonic() - started))
        if step.finished:
            fields = {
                "collection": collection.name,
                "looked_at": step.looked_at,
                "removed": step.removed,
                "enqueued": step.enqueued,
            }
            log.info("collection compared with its table", extra=fields)
        return True

    def _pause(self, collection: WorkerCollection, seconds: float) -> None:
        self._not_before[collection.id] = time.monotonic() + seconds


def interval(context: WorkerContext) -> float:
    """Return how long after one comparison the next is due; negative: when it is asked for."""
    seconds = context.options.reconcile_seconds
    return seconds if seconds > 0 else -1.0
