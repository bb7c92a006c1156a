"""A database over one connection that somebody else is in a transaction on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from psycopg.rows import tuple_row

from embeddb.db.boundary import translated
from embeddb.db.database import Connection, Database, ServerInfo, check_server, describe_server
from embeddb.db.queries import query
from embeddb.db.vectors import teach
from embeddb.errors import SchemaMissingError

_LOCAL_SETTINGS = ("search_path", "lock_timeout")


class SharedDatabase(Database):
    """Works inside the caller's transaction: all of it is committed with that, or nothing."""

    def __init__(self, connection: Connection, *, schema: str) -> None:
        self.schema = schema
        self.url = ""
        self.lendable = 1
        self._owned = None
        self._connection = connection
        teach(connection)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend the connection, with plain rows while we have it."""
        before = self._connection.row_factory
        self._connection.row_factory = tuple_row
        try:
            with translated():
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
        """Ask the server once what it is, as this transaction sees it."""
        info = describe_server(self._connection, self.schema)
        check_server(info)
        if info.migration is None:
            raise SchemaMissingError(
                f"The database has no schema {self.schema!r}: run `embeddb migrate` first, which "
                "keeps embeddb's own tables up to date."
            )
        return info
