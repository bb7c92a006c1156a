"""A database that is reached by connections: of a pool of embeddb's own, or of the caller's."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import conninfo
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

from embeddb import errors
from embeddb.db.boundary import translated
from embeddb.db.database import Connection, ServerInfo, redact, usable_server, vector_schema_of
from embeddb.db.vectors import teach

if TYPE_CHECKING:
    from sqlalchemy import Engine

POOL_SIZE = 10
CONNECT_TIMEOUT_SECONDS = 10


class PooledDatabase:
    """Lends autocommit connections; nothing is ever set on one beyond a transaction."""

    def __init__(
        self,
        source: str | ConnectionPool[Any] | Engine,
        *,
        schema: str = "embeddb",
        prepare: bool = True,
    ) -> None:
        self.schema = schema
        self._owned: ConnectionPool[Connection] | None = None
        self._opening = Lock()
        self._prepare_threshold = 5 if prepare else None
        self.lendable = 1  # nobody knows of an engine
        if isinstance(source, str):
            self.url = _checked(source)
            self._connect = self._pooled
            self.lendable = POOL_SIZE
        elif isinstance(source, ConnectionPool):
            self.url = _pool_url(source)
            self._connect = _Borrowed(source.connection).connection
            self.lendable = source.max_size
        else:
            self.url = _engine_url(source)
            self._connect = _Borrowed(lambda: _engine_connection(source)).connection
        if not self.url:
            raise errors.ConfigurationError(
                "The pool has no plain connection string; give its URL to connect() instead."
            )

    def __repr__(self) -> str:
        return f"<Database {redact(self.url)}>"

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection in autocommit mode."""
        return self._connect()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Lend a connection inside a transaction, committed at the end of the block."""
        with self.connection() as connection, translated(), connection.transaction():
            yield connection

    def open(self) -> Connection:
        """Open a connection outside any pool, in autocommit mode; psycopg's errors come raw."""
        return psycopg.connect(
            self.url,
            autocommit=True,
            prepare_threshold=self._prepare_threshold,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name="embeddb",
        )

    def dedicated(self) -> Connection:
        """Open a connection outside any pool; the caller closes it."""
        with translated():
            return self.open()

    @cached_property
    def server(self) -> ServerInfo:
        """What the server is; asked once.

        Raises:
            DatabaseUnavailableError: no server answers.
            UnsupportedServerError: Postgres or pgvector is too old or missing.
            SchemaMissingError: embeddb's schema is not there.
        """
        with self.dedicated() as connection:
            return usable_server(connection, self.schema)

    def vector_schema(self) -> str:
        """Return the schema that pgvector is installed in."""
        return vector_schema_of(self.server)

    def close(self) -> None:
        """Close the pool if it is embeddb's own."""
        if self._owned is not None:
            self._owned.close()
            self._owned = None

    @contextmanager
    def _pooled(self) -> Iterator[Connection]:
        with self._opening:
            if self._owned is None:
                self._owned = self._pool()
            pool = self._owned
        with translated():
            connection = pool.getconn()
            try:  # what pool.connection() does more is to commit, and this is autocommit
                yield connection
            finally:
                pool.putconn(connection)

    def _pool(self) -> ConnectionPool[Connection]:
        return ConnectionPool(
            self.url,
            min_size=1,
            max_size=POOL_SIZE,
            open=True,
            kwargs={
                "autocommit": True,
                "prepare_threshold": self._prepare_threshold,
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "application_name": "embeddb",
            },
            check=_check_open,
        )


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


class _Borrowed:
    """Connections of the caller's, in autocommit mode and with plain rows while they are lent."""

    def __init__(self, lend: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._lend = lend

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        with translated(), self._lend() as connection:
            before = connection.autocommit, connection.row_factory, connection.cursor_factory
            connection.autocommit = True
            teach(connection)
            connection.row_factory, connection.cursor_factory = tuple_row, psycopg.Cursor
            try:
                yield connection
            finally:
                connection.row_factory, connection.cursor_factory = before[1:]
                if not connection.closed and connection.autocommit != before[0]:
                    connection.autocommit = before[0]


_NOT_OF_LIBPQ = {"autocommit", "prepare_threshold", "context", "row_factory", "cursor_factory"}
"""What psycopg.connect() takes beside libpq's own parameters."""


def _pool_url(pool: ConnectionPool[Any]) -> str:
    if callable(pool.conninfo) or callable(pool.kwargs):
        return ""
    given = pool.kwargs or {}
    options = {key: value for key, value in given.items() if key not in _NOT_OF_LIBPQ}
    return conninfo.make_conninfo(pool.conninfo, **options)


def _engine_url(engine: Engine) -> str:
    if engine.driver != "psycopg":
        raise errors.ConfigurationError(
            f"The engine uses {engine.driver}; embeddb needs one of postgresql+psycopg://."
        )
    url = engine.url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


@contextmanager
def _engine_connection(engine: Engine) -> Iterator[Connection]:
    raw = engine.raw_connection()
    try:
        yield raw.driver_connection  # type: ignore[misc]  # psycopg's, by the check at the start
    finally:
        raw.close()


def _checked(url: str) -> str:
    try:
        conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise errors.ConfigurationError(f"The connection string is malformed: {error}") from error
    return url
