"""The heartbeat: leases are renewed, others can see the worker, and a new schema is noticed."""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, datetime
from threading import Event, Thread
from uuid import uuid4

from embeddb.db.database import Connection, describe_server
from embeddb.db.migrate import head
from embeddb.errors import SchemaOutdatedError
from embeddb.repository.queue.workers import Beat, Workers
from embeddb.version import __version__
from embeddb.worker.connection import StoppedError
from embeddb.worker.context import WorkerContext

LONGEST_SECONDS = 5.0
BEATS_PER_LEASE = 4


class Heartbeat:
    """Beats in a thread of its own, until the last job is settled."""

    def __init__(self, shop: WorkerContext) -> None:
        self._shop = shop
        self._id = uuid4()
        self._started_at = datetime.now(UTC)
        self._workers = Workers(shop.store.database)
        self._ended = Event()
        self._thread = Thread(target=self._run, name="embeddb-beat", daemon=True)
        self.beat_at = time.monotonic()
        """When the last beat was written down, by the monotonic clock."""

    @property
    def every_seconds(self) -> float:
        """The time between two beats."""
        return min(LONGEST_SECONDS, self._shop.options.lease_seconds / BEATS_PER_LEASE)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Stop, and tell the others that this worker has left."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        link = self._shop.link()
        try:
            while True:
                link.run(self._beat)
                self.beat_at = time.monotonic()
                if self._ended.wait(self.every_seconds):
                    break
            link.run(lambda connection: self._workers.leave(connection, self._id))
        except StoppedError:
            pass  # the row is swept by another worker
        except Exception as error:
            self._shop.crash(error)
        finally:
            link.close()

    def _beat(self, connection: Connection) -> None:
        self._renew(connection)
        self._workers.beat(connection, self._told())
        self._check_schema(connection)

    def _renew(self, connection: Connection) -> None:
        lease = self._shop.options.lease_seconds
        for claim, keys in self._shop.leases.all():
            self._shop.jobs.renew(connection, claim, keys, lease)

    def _told(self) -> Beat:
        counters = self._shop.counters
        return Beat(
            id=self._id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            started_at=self._started_at,
            collections=self._shop.options.collections,
            processed=counters.processed,
            failed=counters.failed,
            wasted=counters.wasted,
            rates=counters.rates(),
        )

    def _check_schema(self, connection: Connection) -> None:
        """Notice that somebody migrated the schema under this worker.

        Raises:
            SchemaOutdatedError: it is of another version now.
        """
        schema = self._shop.store.database.schema
        found, wanted = describe_server(connection, schema).migration, head()
        if found != wanted:
            raise SchemaOutdatedError(
                f"The schema {schema!r} was brought to revision {found} while this worker ran, "
                f"and embeddb {__version__} works with {wanted}: start a worker of the version "
                "that migrated it."
            )
