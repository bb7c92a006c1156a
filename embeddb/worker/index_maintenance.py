"""Builds vector indexes, and makes pending conversions, once a collection's rows are in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from threading import Event, Thread

from embeddb.db.database import Connection
from embeddb.errors import EmbedDBError, GenerationChangedError
from embeddb.pipeline.conversion.convert import apply_pending_form
from embeddb.pipeline.indexes.indexes import ensure_indexes
from embeddb.progress import Display, Silent
from embeddb.repository.indexes.indexes import Indexes
from embeddb.repository.queue.backfills import Backfills
from embeddb.repository.roles.privileges import owns_chunks
from embeddb.worker.backoff import Backoff
from embeddb.worker.collection import WorkerCollection
from embeddb.worker.connection import ReconnectingConnection, StoppedError
from embeddb.worker.context import WorkerContext
from embeddb.worker.failures import loggable

INTERVAL_SECONDS = 5.0
RETRY_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 3600.0

log = logging.getLogger("embeddb.worker")


class IndexMaintenance:
    """Maintains the indexes of a worker's collections, in a thread of its own beside the jobs.

    Args:
        context: what the threads of the worker share.
        collections: returns those that the worker works for now.
    """

    def __init__(
        self, context: WorkerContext, collections: Callable[[], Iterable[WorkerCollection]]
    ) -> None:
        self._context = context
        self._collections = collections
        self._database = context.database
        self._backfills = Backfills(self._database)
        self._backoffs: dict[int, Backoff] = {}
        self._unbuilt: dict[str, None] = {}  # a set that keeps its order
        self._thread = Thread(target=self._run, name="embeddb-index-maintenance", daemon=True)
        self._ended = Event()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread's end, after the worker was told to stop.

        An index that is being built is finished first.
        """
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def maintain(self, connection: ReconnectingConnection, display: Display) -> bool:
        """Build what is due of every collection; return whether all of it could be built."""
        succeeded = True
        for collection in self._collections():
            if collection.indexed or collection.gone or self._backoff(collection).wait_seconds:
                continue
            if not connection.run(self._is_filled, collection):
                continue
            if connection.run(self._may_build, collection):
                succeeded = self._build(collection, display) and succeeded
        return succeeded

    @property
    def unbuilt(self) -> tuple[str, ...]:
        """The names of the collections whose indexes are left to the owner of their tables."""
        return tuple(self._unbuilt)

    def _run(self) -> None:
        connection = self._context.new_connection()
        try:
            while not self._context.stopping.is_set():
                self.maintain(connection, Silent())
                self._ended.wait(INTERVAL_SECONDS)
        except StoppedError:
            pass
        except Exception as error:
            self._context.crash(error)
        finally:
            connection.close()

    def _is_filled(self, connection: Connection, collection: WorkerCollection) -> bool:
        """Return whether the rows are in: an index is built faster over them than with them."""
        if self._backfills.unfinished(connection, [collection.id]):
            return False
        batch = self._context.options.batch
        return self._context.jobs.pending(connection, collection.id, batch) < batch

    def _may_build(self, connection: Connection, collection: WorkerCollection) -> bool:
        """Return whether the role owns the tables; if not, the owner has to build what is due."""
        if owns_chunks(connection, collection.record.tables):
            return True
        collection.indexed = True
        generation = collection.record.generation
        missing = Indexes(self._database, collection.record).missing(generation.index)
        if missing or generation.wanted is not None:
            self._unbuilt[collection.name] = None
            log.warning(
                "index left to the owner of the tables: embeddb index build",
                extra={"collection": collection.name},
            )
        return False

    def _build(self, collection: WorkerCollection, display: Display) -> bool:
        """Build what is due of a collection; return whether it could be built."""
        started = time.monotonic()
        try:
            built = self._ensure(collection, display)
        except GenerationChangedError:
            collection.reload(self._database)
            return True
        except EmbedDBError as error:
            pause = self._backoff(collection).failed()
            fields = {"collection": collection.name, "error": loggable(error)}
            log.error("index not built", extra={**fields, "pause_seconds": round(pause)})
            return False
        self._backoff(collection).worked()
        if built:
            seconds = round(time.monotonic() - started, 1)
            log.info("index built", extra={"collection": collection.name, "seconds": seconds})
        return True

    def _ensure(self, collection: WorkerCollection, display: Display) -> bool:
        """Convert the collection if it is to be, and index it; return whether anything was done."""
        record = collection.record
        before = Indexes(self._database, record).missing(record.generation.index)
        made = apply_pending_form(self._database, record, display)
        made = ensure_indexes(self._database, made, display)
        missing = Indexes(self._database, made).missing(made.generation.index)
        collection.refresh(made)
        collection.indexed = not missing and made.generation.wanted is None
        return made != record or set(before) != set(missing)

    def _backoff(self, collection: WorkerCollection) -> Backoff:
        made = Backoff(base_seconds=RETRY_SECONDS, cap_seconds=LONGEST_PAUSE_SECONDS)
        return self._backoffs.setdefault(collection.id, made)
