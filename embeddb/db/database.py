"""Connections to one database: a pool of embeddb's own, or the caller's pool or engine."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
from psycopg import conninfo
from psycopg.rows import TupleRow, tuple_row
from psycopg_pool import ConnectionPool

from embeddb import errors
from embeddb.db.boundary import translated
from embeddb.db.queries import Name, query
from embeddb.db.vectors import teach

if TYPE_CHECKING:
    from sqlalchemy import Engine

Connection: TypeAlias = psycopg.Connection[TupleRow]

OLDEST_POSTGRES = 140000
OLDEST_PGVECTOR = (0, 8, 4)
"""0.8.2 to 0.8.4 fixed a build overflow and two ways in which VACUUM broke an HNSW index."""

POOL_SIZE = 10
CONNECT_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerInfo:
    """What a server told of itself: versions, pgvector's schema, embeddb's migration."""

    version: int
    pgvector: str | None
    pgvector_schema: str | None
    available_pgvector: str | None
    migration: str | None


class Database:
    """Hands out autocommit connections; nothing is ever set on one beyond a transaction."""

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
        self.lendable = 1  # an engine does not tell
        """How many connections it can lend at once, as far as is known."""
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
        """Ask the server once what it is, and refuse one that is too old.

        Raises:
            DatabaseUnavailableError: no server answers.
            UnsupportedServerError: Postgres or pgvector is too old or missing.
            SchemaMissingError: embeddb's schema is not there.
        """
        with self.dedicated() as connection:
            info = describe_server(connection, self.schema)
        check_server(info)
        if info.migration is None:
            raise errors.SchemaMissingError(
                f"The database at {redact(self.url)} has no schema {self.schema!r}: "
                "run `embeddb migrate`."
            )
        return info

    def vector_schema(self) -> str:
        """Give the schema that pgvector is installed in."""
        schema = self.server.pgvector_schema
        assert schema is not None  # check_server refused a server without pgvector
        return schema

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
    """Notice a connection that the server closed, so that the pool opens another.

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
    """Connections of the caller's, with autocommit and plain rows while we have them."""

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


def describe_server(connection: Connection, schema: str) -> ServerInfo:
    """Read versions and the migration state in one or two cheap queries."""
    with translated():
        row = connection.execute(query("server.describe"), {"schema": schema}).fetchone()
        assert row is not None
        info = ServerInfo(
            version=row[0],
            pgvector=row[1],
            pgvector_schema=row[2],
            available_pgvector=row[3],
            migration=None,
        )
        if not row[4]:
            return info
        revision = connection.execute(query("server.migration", schema=Name(schema)), {}).fetchone()
        return replace(info, migration=revision[0] if revision else None)


def check_server(info: ServerInfo) -> None:
    """Refuse a server that is too old, or that lacks pgvector."""
    if info.version < OLDEST_POSTGRES:
        raise errors.UnsupportedServerError(
            f"The server is PostgreSQL {info.version // 10000}; embeddb needs 14 or newer."
        )
    if info.pgvector is None:
        raise errors.UnsupportedServerError(
            "pgvector is not installed in this database. "
            + (
                "Run `embeddb migrate`, or as a role that may: CREATE EXTENSION vector;"
                if info.available_pgvector
                else "Its package is not on the server: https://github.com/pgvector/pgvector"
            )
        )
    if pgvector_version(info.pgvector) < OLDEST_PGVECTOR:
        raise errors.UnsupportedServerError(
            f"pgvector {info.pgvector} is installed; embeddb needs 0.8.4 or newer, for fixes of "
            "index corruption. Upgrade its package, then: ALTER EXTENSION vector UPDATE;"
        )


def pgvector_version(text: str) -> tuple[int, ...]:
    """Turn `0.8.6` into numbers that compare."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _checked(url: str) -> str:
    try:
        conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise errors.ConfigurationError(f"The connection string is malformed: {error}") from error
    return url


def redact(url: str) -> str:
    """Show where a URL points, without its password."""
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "(malformed connection string)"
    place = parts.get("host") or parts.get("hostaddr") or "local socket"
    return f"{place}/{parts.get('dbname') or parts.get('user') or ''}"
