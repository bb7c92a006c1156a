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
from embeddb.repository.queue.workers import Workers, WorkerStatus
from embeddb.version import __version__
from embeddb.worker.connection import StoppedError
from embeddb.worker.context import WorkerContext

LONGEST_INTERVAL_SECONDS = 5.0

HEARTBEATS_PER_LEASE = 4
"""A lease outlives some heartbeats that come late, because the server or the machine is busy."""


class Heartbeat:
    """Renews leases and reports the worker, in a thread of its own, until the last job is settled.

    Attributes:
        last_at: when the latest heartbeat was written down, by the monotonic clock.
    """

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._id = uuid4()
        self._started_at = datetime.now(UTC)
        self._workers = Workers(context.database)
        self._ended = Event()
        self._thread = Thread(target=self._run, name="embeddb-heartbeat", daemon=True)
        self.last_at = time.monotonic()

    @property
    def interval_seconds(self) -> float:
        """The time between two heartbeats."""
        lease = self._context.options.lease_seconds
        return min(LONGEST_INTERVAL_SECONDS, lease / HEARTBEATS_PER_LEASE)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """Stop, after the last job is settled, and remove the worker from the list of workers."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        connection = self._context.new_connection()
        try:
            while True:
                connection.run(self._beat)
                self.last_at = time.monotonic()
                if self._ended.wait(self.interval_seconds):
                    break
            connection.run(self._workers.remove, self._id)
        except StoppedError:
            pass  # another worker removes the row once it has been silent for long
        except Exception as error:
            self._context.crash(error)
        finally:
            connection.close()

    def _beat(self, connection: Connection) -> None:
        self._renew(connection)
        self._workers.report(connection, self._status())
        self._check_schema(connection)

    def _renew(self, connection: Connection) -> None:
        lease = self._context.options.lease_seconds
        for claim, keys in self._context.leases.all():
            self._context.jobs.renew(connection, claim, keys, lease)

    def _status(self) -> WorkerStatus:
        metrics = self._context.metrics
        return WorkerStatus(
            id=self._id,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            started_at=self._started_at,
            collections=self._context.options.collections,
            processed=metrics.processed,
            failed=metrics.failed,
            wasted=metrics.wasted,
            rates=metrics.rates(),
        )

    def _check_schema(self, connection: Connection) -> None:
        """Notice that somebody migrated the schema while this worker ran.

        Raises:
            SchemaOutdatedError: it is of another version now.
        """
        schema = self._context.database.schema
        found, wanted = describe_server(connection, schema).migration, head()
        if found != wanted:
            raise SchemaOutdatedError(
                f"The schema {schema!r} was brought to revision {found} while this worker ran, "
                f"and embeddb {__version__} works with {wanted}: start a worker of the version "
                "that migrated it."
            )
