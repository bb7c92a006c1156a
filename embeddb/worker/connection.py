"""The connection of one thread: opened when it is needed, and again after it was lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event
from typing import Concatenate, ParamSpec, TypeVar

from embeddb.db.boundary import translate
from embeddb.db.database import Connection, Database
from embeddb.worker.backoff import Backoff
from embeddb.worker.failures import driver_error, is_lost, is_repeatable

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

BASE_SECONDS = 0.1
CAP_SECONDS = 5.0

ONCE_SECONDS = 30.0
"""How long a worker that is to end waits for a server that went away."""

log = logging.getLogger("embeddb.worker")


class StoppedError(Exception):
    """The worker is to stop, and the server is away: there is nothing to wait for."""


class ReconnectingConnection:
    """A connection outside any pool that survives a restart of the server.

    Args:
        database: where to connect.
        stopping: set when the worker is to stop; a server that is away is then not waited for.
        patience_seconds: how long to wait for a server that is away; None: as long as it takes.
    """

    def __init__(
        self, database: Database, stopping: Event, *, patience_seconds: float | None = None
    ) -> None:
        self._database = database
        self._stopping = stopping
        self._patience = patience_seconds
        self._backoff = Backoff(base_seconds=BASE_SECONDS, cap_seconds=CAP_SECONDS)
        self._connection: Connection | None = None
        self.lost_since: float | None = None
        """When the server went away, by the monotonic clock; None while it is there."""

    def run(
        self,
        work: Callable[Concatenate[Connection, Parameters], Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Return what `work` returns, called with the connection before the other arguments.

        It is called again where the connection was lost, or where Postgres ended a deadlock. It
        must therefore be one transaction, or several that may be repeated.

        Raises:
            StoppedError: the server is away, and the worker is to stop.
            DatabaseUnavailableError: the server stayed away for too long.
        """
        while True:
            try:
                result = work(self._open(), *args, **kwargs)
            except Exception as error:
                if is_lost(error):
                    self.close()
                elif not is_repeatable(error):
                    raise
                self._pause(error)
                continue
            self._backoff.worked()
            self.lost_since = None
            return result

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._database.open()
        return self._connection

    def _pause(self, error: Exception) -> None:
        now = time.monotonic()
        if self.lost_since is None:
            self.lost_since = now
            if is_lost(error):
                log.warning("database lost", extra={"error": type(error).__name__})
        if self._patience is not None and now - self.lost_since > self._patience:
            raised = driver_error(error)
            raise error if raised is None else translate(raised) from error
        if self._stopping.wait(self._backoff.failed()):
            raise StoppedError from error
