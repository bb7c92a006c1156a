"""A database over one connection that somebody else is in a transaction on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from psycopg.rows import tuple_row

from embeddb.db.address import place_of
from embeddb.db.boundary import translated
from embeddb.db.database import Connection, ServerInfo, usable_server, vector_schema_of
from embeddb.db.queries import query
from embeddb.db.session import lent_session
from embeddb.db.vectors import teach
from embeddb.errors import DatabaseError

_LOCAL_SETTINGS = ("search_path", "lock_timeout")
"""What embeddb sets in transactions of its own, which end where the caller's goes on."""


class SharedDatabase:
    """Works inside the caller's transaction: all of it is committed with that, or nothing."""

    lendable = 1

    def __init__(self, connection: Connection, *, schema: str) -> None:
        self.schema = schema
        self._connection = connection
        self._process = os.getpid()
        teach(connection)

    def __repr__(self) -> str:
        return f"<SharedDatabase {place_of(self.url)}>"

    @property
    def url(self) -> str:
        """The libpq connection string, without a password."""
        return self._connection.info.dsn

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend the connection, with plain rows and our settings while we have it.

        Raises:
            DatabaseError: this process was forked after the connection was opened.
        """
        if self._process != os.getpid():
            raise DatabaseError(
                "The connection was opened before this process was forked, so it is the parent's: "
                "open one in this process."
            )
        before = self._connection.row_factory
        self._connection.row_factory = tuple_row
        try:
            with translated(), lent_session(self._connection, local=True):
                yield self._connection
        finally:
            self._connection.row_factory = before

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Lend the connection behind a savepoint; what is set inside is put back."""
        with self.connection() as connection:
            settings = {
                name: connection.execute(query("settings.get"), {"name": name}).fetchone()
                for name in _LOCAL_SETTINGS
            }
            with connection.transaction():
                yield connection
            for name, row in settings.items():
                given = {"name": name, "value": row[0] if row else "", "local": True}
                connection.execute(query("settings.set"), given)

    @cached_property
    def server(self) -> ServerInfo:
        """What the server is, as this transaction sees it; asked once.

        Raises:
            UnsupportedServerError: Postgres or pgvector is too old or missing.
            SchemaMissingError: embeddb's schema is not there.
        """
        with self.connection() as connection:
            return usable_server(connection, self.schema)

    def vector_schema(self) -> str:
        """Return the schema that pgvector is installed in."""
        return vector_schema_of(self.server)

    def open(self) -> Connection:
        """Refuse: another connection would not see what this transaction did.

        Raises:
            DatabaseError: always.
        """
        raise DatabaseError(
            "This takes a connection of its own, which would not see what this transaction did: "
            "do it after the transaction, outside of the migration for one."
        )

    def dedicated(self) -> Connection:
        """Refuse as `open` does.

        Raises:
            DatabaseError: always.
        """
        return self.open()

    def close(self) -> None:
        """Leave the connection to the caller, whose it is."""
