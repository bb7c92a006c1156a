"""Builds vector indexes and carries out wanted conversions once a collection's rows are in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from threading import Event, Thread

from embeddb.db.database import Connection
from embeddb.errors import EmbedDBError, GenerationChangedError
from embeddb.pipeline.conversion.convert import apply_pending_form
from embeddb.pipeline.indexes.indexes import ensure_indexes
from embeddb.progress import Display, Silent
from embeddb.repository.indexes.indexes import Indexes
from embeddb.repository.queue.backfills import Backfills
from embeddb.worker.backoff import Backoff
from embeddb.worker.collection import WorkerCollection
from embeddb.worker.connection import ReconnectingConnection, StoppedError
from embeddb.worker.context import WorkerContext
from embeddb.worker.failures import loggable
from embeddb.worker.privileges import builds

EVERY_SECONDS = 5.0
RETRY_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 3600.0

log = logging.getLogger("embeddb.worker")


class IndexMaintenance:
    """Looks after the indexes, in a thread of its own while jobs are being done."""

    def __init__(
        self, shop: WorkerContext, members: Callable[[], Iterable[WorkerCollection]]
    ) -> None:
        self._shop = shop
        self._members = members
        self._database = shop.store.database
        self._backfills = Backfills(self._database)
        self._backoffs: dict[int, Backoff] = {}
        self._unbuilt: dict[str, None] = {}
        self._thread = Thread(target=self._run, name="embeddb-upkeep", daemon=True)
        self._woken = Event()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait until a build that is going on is done, after the shop was told to stop."""
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    def look_after(self, link: ReconnectingConnection, display: Display) -> bool:
        """Look after all collections once; False: something could not be built."""
        fine = True
        for member in self._members():
            if member.indexed or member.gone or self._backoff(member).wait_seconds:
                continue
            if not link.run(partial(self._is_filled, member)):
                continue
            if link.run(partial(self._may_build, member)):
                fine = self._build(member, display) and fine
        return fine

    def _run(self) -> None:
        link = self._shop.link()
        try:
            while not self._shop.stopping.is_set():
                self.look_after(link, Silent())
                self._woken.wait(EVERY_SECONDS)
        except StoppedError:
            pass
        except Exception as error:
            self._shop.crash(error)
        finally:
            link.close()

    def _is_filled(self, member: WorkerCollection, connection: Connection) -> bool:
        """Say whether the rows are in: an index is built faster over them than with them."""
        if self._backfills.unfinished(connection, [member.id]):
            return False
        batch = self._shop.options.batch
        return self._shop.jobs.pending(connection, member.id, batch) < batch

    def _may_build(self, member: WorkerCollection, connection: Connection) -> bool:
        """Say whether the role owns the tables; if not, what is missing is the owner's to build."""
        if builds(connection, member.record):
            return True
        member.indexed = True
        generation = member.record.generation
        missing = Indexes(self._database, member.record).missing(generation.index)
        if missing or generation.wanted is not None:
            self._unbuilt[member.name] = None
            log.warning(
                "index left to the owner of the tables: embeddb index build",
                extra={"collection": member.name},
            )
        return False

    @property
    def unbuilt(self) -> tuple[str, ...]:
        """The collections whose index is left to their owner."""
        return tuple(self._unbuilt)

    def _build(self, member: WorkerCollection, display: Display) -> bool:
        started = time.monotonic()
        try:
            built = self._ensure(member, display)
        except GenerationChangedError:
            member.reload(self._shop.store)
            return True
        except EmbedDBError as error:
            pause = self._backoff(member).failed()
            place = {"collection": member.name, "error": loggable(error)}
            log.error("index not built", extra={**place, "pause_seconds": round(pause)})
            return False
        self._backoff(member).worked()
        if built:
            seconds = round(time.monotonic() - started, 1)
            log.info("index built", extra={"collection": member.name, "seconds": seconds})
        return True

    def _ensure(self, member: WorkerCollection, display: Display) -> bool:
        """Convert and index what is to be; say whether anything was built."""
        record = member.record
        before = Indexes(self._database, record).missing(record.generation.index)
        made = apply_pending_form(self._database, record, display)
        made = ensure_indexes(self._database, made, display)
        missing = Indexes(self._database, made).missing(made.generation.index)
        member.refresh(made)
        member.indexed = not missing and made.generation.wanted is None
        return made != record or set(before) != set(missing)

    def _backoff(self, member: WorkerCollection) -> Backoff:
        made = Backoff(base_seconds=RETRY_SECONDS, cap_seconds=LONGEST_PAUSE_SECONDS)
        return self._backoffs.setdefault(member.id, made)
