"""A database that is reached by connections: of a pool of embeddb's own, or of the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, cast

from psycopg_pool import ConnectionPool

from embeddb import errors
from embeddb.db.address import libpq_address, place_of
from embeddb.db.boundary import translated
from embeddb.db.database import (
    Connection,
    ServerInfo,
    missing_database,
    usable_server,
    vector_schema_of,
)
from embeddb.db.lenders import Lender, LentEngine, LentPool, OwnPool
from embeddb.db.session import open_session

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine


class PooledDatabase:
    """Lends autocommit connections; nothing is ever set on one beyond a transaction.

    Args:
        source: an address, or the caller's own pool or engine, which stays open.
        schema: where embeddb's tables are.
        prepare: whether statements are prepared.

    Raises:
        ConfigurationError: the address is malformed, or no connection can be had of the source.
    """

    def __init__(
        self,
        source: str | URL | ConnectionPool[Any] | Engine,
        *,
        schema: str = "embeddb",
        prepare: bool = True,
    ) -> None:
        self.schema = schema
        self._prepare_threshold = 5 if prepare else None
        self._lender = _lender(source, self._prepare_threshold)
        self._server: ServerInfo | None = None

    def __repr__(self) -> str:
        return f"<Database {place_of(self.url)}>"

    @property
    def url(self) -> str:
        """The libpq URL, for any other client."""
        return self._lender.url

    @property
    def lendable(self) -> int:
        """How many connections `connection()` lends at once, as far as is known."""
        return self._lender.lendable

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection in autocommit mode."""
        return self._lender.connection()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Lend a connection inside a transaction, committed at the end of the block."""
        with self.connection() as connection, translated(), connection.transaction():
            yield connection

    def open(self) -> Connection:
        """Open a connection outside any pool, in autocommit mode; psycopg's errors come raw."""
        return open_session(self.url, prepare_threshold=self._prepare_threshold)

    def dedicated(self) -> Connection:
        """Open a connection outside any pool; the caller closes it."""
        try:
            with translated():
                return self.open()
        except errors.DatabaseUnavailableError as error:
            if missing := missing_database(self.url):
                raise errors.DatabaseUnavailableError(missing) from error.__cause__
            raise

    @property
    def server(self) -> ServerInfo:
        """What the server is; asked once.

        Raises:
            DatabaseUnavailableError: no server answers.
            UnsupportedServerError: Postgres or pgvector is too old or missing, or the database
                knows no characters.
            SchemaMissingError: embeddb's schema is not there.
        """
        if self._server is None:
            with self.dedicated() as connection:
                self._server = usable_server(connection, self.schema)
        return self._server

    def vector_schema(self) -> str:
        """Return the schema that pgvector is installed in."""
        return vector_schema_of(self.server)

    def close(self) -> None:
        """Close the pool if it is embeddb's own."""
        self._lender.close()


def _lender(
    source: str | URL | ConnectionPool[Any] | Engine, prepare_threshold: int | None
) -> Lender:
    if isinstance(source, ConnectionPool):
        return LentPool(source)
    if hasattr(source, "raw_connection"):  # an engine's
        return LentEngine(cast("Engine", source))
    return OwnPool(libpq_address(source), prepare_threshold=prepare_threshold)
