"""Who lends connections: a pool of embeddb's own, or the caller's pool or engine."""

from __future__ import annotations

import os
import select
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from psycopg import conninfo
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

from embeddb.db.address import libpq_address
from embeddb.db.boundary import translated
from embeddb.db.database import Connection
from embeddb.db.session import CONNECT_TIMEOUT_SECONDS, ENCODING, lent_session, set_up
from embeddb.db.vectors import teach
from embeddb.errors import ConfigurationError
from embeddb.forks import ProcessLock, renewed_in_child

if TYPE_CHECKING:
    from sqlalchemy import Engine

POOL_SIZE = 10


class Lender(Protocol):
    """Lends connections in autocommit mode, whose rows are tuples."""

    url: str
    lendable: int

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection for the block."""
        ...

    def close(self) -> None:
        """Close what is embeddb's own."""
        ...


class OwnPool:
    """Connections of embeddb's own, opened for the first block that needs one.

    A forked child begins with a pool of its own: the parent's connections stay the parent's.
    """

    lendable = POOL_SIZE

    def __init__(self, url: str, *, prepare_threshold: int | None) -> None:
        self.url = url
        self._prepare_threshold = prepare_threshold
        self._pool: _Pool | None = None
        self._closing: weakref.finalize[[], OwnPool] | None = None
        self._opening = ProcessLock()
        renewed_in_child(self, OwnPool._forget)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection for the block."""
        pool = self._opened()
        with translated():
            connection = pool.getconn()
            try:  # what pool.connection() does more is to commit, and this is autocommit
                yield connection
            finally:
                pool.putconn(connection)

    def close(self) -> None:
        """Close the connections; another block opens others."""
        self._pool = None
        if self._closing is not None:
            self._closing()

    def _opened(self) -> _Pool:
        with self._opening:
            if self._pool is None:
                pool = self._pool = _Pool(self.url, self._prepare_threshold)
                # at the program's end, too, and before its threads can no longer be waited for
                self._closing = weakref.finalize(self, pool.close)
            return self._pool

    def _forget(self) -> None:
        self._pool = None
        if self._closing is not None:
            self._closing.detach()


class _Pool(ConnectionPool[Connection]):
    """A pool for one process."""

    def __init__(self, url: str, prepare_threshold: int | None) -> None:
        self._process = os.getpid()
        super().__init__(
            url,
            min_size=1,
            max_size=POOL_SIZE,
            open=True,
            kwargs={
                "autocommit": True,
                "prepare_threshold": prepare_threshold,
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "application_name": "embeddb",
                "client_encoding": ENCODING,
            },
            configure=set_up,
            check=_check_open,
        )

    def __del__(self) -> None:
        if self._process == os.getpid():  # a child has none of its threads to wait for
            super().__del__()


class LentPool:
    """Connections of a psycopg pool of the caller's."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        self.url = _pool_url(pool)
        self.lendable = pool.max_size
        self._pool = pool
        self._usable = True
        renewed_in_child(self, LentPool._check_pool)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection for the block; it goes back as it came.

        Raises:
            ConfigurationError: this process was forked after the pool was opened.
        """
        if not self._usable:
            raise ConfigurationError(
                "The psycopg pool was opened before this process was forked, so its connections "
                "are the parent's. Open a pool in each process, after the fork (gunicorn: in "
                "post_fork), and call embeddb.connect() there."
            )
        with translated(), self._pool.connection() as connection, _as_own(connection):
            yield connection

    def close(self) -> None:
        """Leave the pool to the caller, whose it is."""

    def _check_pool(self) -> None:
        self._usable = self._pool.closed  # one that is not open yet can be opened here


class LentEngine:
    """Connections of a SQLAlchemy engine of the caller's."""

    lendable = 1  # nobody knows of an engine

    def __init__(self, engine: Engine) -> None:
        if engine.driver != "psycopg":
            raise ConfigurationError(
                f"The engine uses {engine.driver}; embeddb needs one of postgresql+psycopg://. "
                "Or give connect() the engine's URL, and it opens connections of its own."
            )
        self.url = libpq_address(engine.url)
        self._engine = engine
        # what SQLAlchemy itself asks of a child, before anything was done with the engine there
        renewed_in_child(self, LentEngine._forget)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection for the block; it goes back as it came."""
        with translated():
            raw = self._engine.raw_connection()
            try:
                connection: Any = raw.driver_connection  # psycopg's, by the engine's driver
                with _as_own(connection):
                    yield connection
            finally:
                raw.close()

    def close(self) -> None:
        """Leave the engine to the caller, whose it is."""

    def _forget(self) -> None:
        self._engine.dispose(close=False)


@contextmanager
def _as_own(connection: Connection) -> Iterator[None]:
    """Have a connection of the caller's in autocommit mode, with plain rows and our settings."""
    before = connection.autocommit, connection.row_factory, connection.cursor_factory
    connection.autocommit = True
    teach(connection)
    connection.row_factory, connection.cursor_factory = tuple_row, psycopg.Cursor
    try:
        with lent_session(connection):
            yield
    finally:
        connection.row_factory, connection.cursor_factory = before[1:]
        if not connection.closed and connection.autocommit != before[0]:
            connection.autocommit = before[0]


def _check_open(connection: Connection) -> None:
    """Raise for a connection that the server closed, so that the pool opens another.

    An idle connection has nothing to read unless it was closed, so a healthy one costs no round
    trip.
    """
    if _has_input(connection.fileno()):
        ConnectionPool.check_connection(connection)


def _has_input(descriptor: int) -> bool:
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([descriptor], [], [], 0)[0])  # Windows


_NOT_OF_LIBPQ = {"autocommit", "prepare_threshold", "context", "row_factory", "cursor_factory"}
"""What psycopg.connect() takes beside libpq's own parameters."""


def _pool_url(pool: ConnectionPool[Any]) -> str:
    if not callable(pool.conninfo) and not callable(pool.kwargs):
        given = pool.kwargs or {}
        options = {key: value for key, value in given.items() if key not in _NOT_OF_LIBPQ}
        if url := conninfo.make_conninfo(pool.conninfo, **options):
            return url
    raise ConfigurationError(
        "The pool has no plain connection string; give its URL to connect() instead."
    )
