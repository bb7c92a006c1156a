"""Statements that may take only so long."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from embeddb.db.boundary import TIMEOUT_HINT
from embeddb.db.database import Connection, Database
from embeddb.db.queries import query
from embeddb.errors import ConfigurationError, QueryTimeoutError


class Deadline:
    """A moment by which an answer must be there.

    Args:
        seconds: from now; None: there is no such moment.

    Raises:
        ConfigurationError: it is no number above 0.
    """

    def __init__(self, seconds: float | None) -> None:
        if seconds is not None and not (0 < seconds < math.inf):
            raise ConfigurationError(f"timeout must be a number of seconds above 0, not {seconds}.")
        self._seconds = seconds
        self._started = time.monotonic()

    @contextmanager
    def connection(self, database: Database) -> Iterator[Connection]:
        """Lend a connection whose statements end at the deadline.

        It is set for one transaction alone, and only where the session's own statement_timeout
        is longer: that one is never raised. Waiting for the connection counts.

        Raises:
            QueryTimeoutError: the time is over.
        """
        with database.connection() as connection:
            if self._seconds is None:
                yield connection
                return
            with connection.transaction():
                connection.execute(query("settings.limit_time"), {"milliseconds": self._left()})
                yield connection

    def _left(self) -> int:
        """Return the milliseconds that are left."""
        assert self._seconds is not None
        left = self._seconds - (time.monotonic() - self._started)
        if left <= 0:
            raise QueryTimeoutError(
                f"The timeout of {self._seconds:g} s was over before Postgres was asked: encoding "
                "the query and waiting for a connection took as long.\n" + TIMEOUT_HINT
            )
        return max(1, math.ceil(left * 1000))
