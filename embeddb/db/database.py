"""What a database is to everything above: protocols, and what its server reports."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import psycopg
from psycopg import conninfo
from psycopg.rows import TupleRow

from embeddb import errors
from embeddb.config import DEFAULT_SCHEMA
from embeddb.db.address import place_of
from embeddb.db.boundary import translated
from embeddb.db.queries import Name, query

Connection: TypeAlias = psycopg.Connection[TupleRow]

ASK_TIMEOUT_SECONDS = 3

OLDEST_POSTGRES = 140000
OLDEST_PGVECTOR = (0, 8, 4)
"""0.8.2 to 0.8.4 fixed a build overflow and two ways in which VACUUM broke an HNSW index."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerInfo:
    """What a server reports: its versions, pgvector's schema, embeddb's migration.

    Attributes:
        encoding: the database's, as Postgres calls it.
    """

    version: int
    pgvector: str | None
    pgvector_schema: str | None
    available_pgvector: str | None
    migration: str | None
    encoding: str = "UTF8"


class TransactionSource(Protocol):
    """Where statements about embeddb's schema run: as much as changing the catalog takes."""

    @property
    def schema(self) -> str:
        """The schema that embeddb's tables are in."""
        ...

    def vector_schema(self) -> str:
        """Return the schema that pgvector is installed in."""
        ...

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection; each statement is a transaction of its own if the source can do so."""
        ...

    def transaction(self) -> AbstractContextManager[Connection]:
        """Lend a connection inside a transaction, which the block's end completes."""
        ...


class Database(TransactionSource, Protocol):
    """A database that also opens connections of its own: for streams, locks and long builds."""

    @property
    def url(self) -> str:
        """The libpq URL, for any other client."""
        ...

    @property
    def lendable(self) -> int:
        """How many connections `connection()` lends at once, as far as is known."""
        ...

    @property
    def server(self) -> ServerInfo:
        """What the server is; asked once.

        Raises:
            DatabaseUnavailableError: no server answers.
            UnsupportedServerError: Postgres or pgvector is too old or missing.
            SchemaMissingError: embeddb's schema is not there.
        """
        ...

    def open(self) -> Connection:
        """Open a connection in autocommit mode, as `dedicated` does; psycopg's errors come raw."""
        ...

    def dedicated(self) -> Connection:
        """Open a connection in autocommit mode that the caller closes.

        Raises:
            DatabaseUnavailableError: no server answers.
        """
        ...

    def close(self) -> None:
        """Close what was opened and not given to the caller."""
        ...


def describe_server(connection: Connection, schema: str) -> ServerInfo:
    """Return a server's versions and migration state, read in one or two cheap queries."""
    with translated():
        row = connection.execute(query("server.describe"), {"schema": schema}).fetchone()
        assert row is not None  # it has no FROM
        info = ServerInfo(
            version=row[0],
            pgvector=row[1],
            pgvector_schema=row[2],
            available_pgvector=row[3],
            migration=None,
            encoding=connection.info.parameter_status("server_encoding") or "UTF8",
        )
        if not row[4]:
            return info
        revision = connection.execute(query("server.migration", schema=Name(schema)), {}).fetchone()
        return replace(info, migration=revision[0] if revision else None)


def check_server(info: ServerInfo) -> None:
    """Refuse a server that is too old or lacks pgvector, or a database that knows no characters.

    Raises:
        UnsupportedServerError: it is, or does.
    """
    if info.version < OLDEST_POSTGRES:
        raise errors.UnsupportedServerError(
            f"The server is PostgreSQL {info.version // 10000}; embeddb needs 14 or newer."
        )
    if info.encoding == "SQL_ASCII":
        raise errors.UnsupportedServerError(
            "The encoding of this database is SQL_ASCII: it stores bytes and does not know which "
            "characters they are, so text would not come back as it was given. Make a database "
            "that knows: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0;"
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


def usable_server(connection: Connection, schema: str) -> ServerInfo:
    """Return what the server is, and refuse one that embeddb cannot work with.

    Raises:
        UnsupportedServerError: Postgres or pgvector is too old or missing.
        SchemaMissingError: embeddb's schema is not there.
    """
    info = describe_server(connection, schema)
    check_server(info)
    if info.migration is None:
        raise errors.SchemaMissingError(_missing_schema(connection, schema))
    return info


def _missing_schema(connection: Connection, schema: str) -> str:
    with translated():
        rows = connection.execute(query("server.schemas"), {}).fetchall()
    option = "" if schema == DEFAULT_SCHEMA else " --schema " + shlex.quote(schema)
    return (
        f"The database at {place_of(connection.info.dsn)} has no embeddb schema {schema!r}."
        f"{errors.did_you_mean(schema, [row[0] for row in rows])} "
        f"To create it, run `embeddb migrate{option}`."
    )


def missing_database(url: str) -> str | None:
    """Return that a server has no database of the URL's name; None if it has, or does not say."""
    try:
        fields = conninfo.conninfo_to_dict(url)
        name = str(fields.get("dbname") or fields.get("user") or "")
        with psycopg.connect(
            url, dbname="postgres", autocommit=True, connect_timeout=ASK_TIMEOUT_SECONDS
        ) as connection:
            rows = connection.execute(query("server.databases"), {}).fetchall()
    except psycopg.Error:
        return None
    names = [row[0] for row in rows]
    if not name or name in names:
        return None
    return (
        f"The server has no database {name!r}.{errors.did_you_mean(name, names)} "
        f"To create it, run `createdb {shlex.quote(name)}` as a role that may."
    )


def vector_schema_of(info: ServerInfo) -> str:
    """Return the schema that pgvector is in, of a server that passed `check_server`."""
    assert info.pgvector_schema is not None
    return info.pgvector_schema


def pgvector_version(text: str) -> tuple[int, ...]:
    """Return a version such as `0.8.6` as numbers that compare."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())
