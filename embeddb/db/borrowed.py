"""A connection of SQLAlchemy's, whatever its driver, as psycopg would have it: in its transaction.

`psycopg` itself is taken as it is, and its asynchronous form shares its connection to the server.
Of `asyncpg` and `psycopg2` the statements are written with their values in them, and rows and
errors are given back as psycopg's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, cast

import psycopg
from psycopg import conninfo, sql
from psycopg import errors as pg
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.postgres import types
from psycopg.pq import DiagnosticField, Format, TransactionStatus
from psycopg.rows import TupleRow, tuple_row

from embeddb.db.address import libpq_address
from embeddb.db.database import Connection
from embeddb.db.queries import query
from embeddb.db.rendering import with_values
from embeddb.db.session import ENCODING
from embeddb.errors import ConfigurationError

if TYPE_CHECKING:
    import sqlalchemy as sa

_FOREIGN = ("asyncpg", "psycopg2")

_JSON = frozenset({types["json"].oid, types["jsonb"].oid})

_FIELDS = {
    DiagnosticField.MESSAGE_PRIMARY: ("message_primary", "message"),
    DiagnosticField.MESSAGE_DETAIL: ("message_detail", "detail"),
    DiagnosticField.MESSAGE_HINT: ("message_hint", "hint"),
    DiagnosticField.CONTEXT: ("context", "context"),
    DiagnosticField.SCHEMA_NAME: ("schema_name", "schema_name"),
    DiagnosticField.TABLE_NAME: ("table_name", "table_name"),
    DiagnosticField.COLUMN_NAME: ("column_name", "column_name"),
    DiagnosticField.CONSTRAINT_NAME: ("constraint_name", "constraint_name"),
}
"""What an error says, as psycopg2 and as asyncpg call it."""


def borrow(connection: sa.Connection) -> Connection:
    """Return the connection of SQLAlchemy's as one of psycopg's, inside of its transaction.

    Raises:
        ConfigurationError: its driver is none of psycopg, psycopg2 and asyncpg.
    """
    # what SQLAlchemy has begun is begun in Postgres with its first statement only
    connection.exec_driver_sql("SELECT 1")
    driver = connection.connection.driver_connection
    if isinstance(driver, psycopg.Connection):
        return cast(Connection, driver)
    if isinstance(driver, psycopg.AsyncConnection):
        return _Sharing.over(driver)
    if connection.dialect.driver in _FOREIGN:
        return cast(Connection, _Foreign(connection))
    raise ConfigurationError(
        f"The engine in env.py uses {connection.dialect.driver}. Operations on collections work "
        "with psycopg, psycopg2 and asyncpg (postgresql+psycopg://…, +psycopg2, +asyncpg). Your "
        "application itself may use any driver."
    )


def is_autocommit(connection: sa.Connection) -> bool:
    """Return whether each statement on a connection of SQLAlchemy's is a transaction of its own."""
    return bool(getattr(connection.connection.dbapi_connection, "autocommit", False))


def address_of(connection: sa.Connection) -> str:
    """Return the address that a connection of SQLAlchemy's was opened by, with its password.

    Raises:
        ConfigurationError: nothing says where the database is: the engine has a `creator`.
    """
    driver: Any = connection.connection.driver_connection
    if isinstance(driver, psycopg.Connection | psycopg.AsyncConnection):
        return conninfo.make_conninfo(driver.info.dsn, password=driver.info.password or None)
    if connection.dialect.driver == "psycopg2":
        given = driver.info.dsn_parameters | {"password": driver.info.password or None}
        return conninfo.make_conninfo("", **given)
    url = connection.engine.url
    if not (url.host or url.database or url.query):
        raise ConfigurationError(
            "This takes a connection of embeddb's own, and the engine in env.py has no URL to open "
            "it by: create the engine by its URL."
        )
    return libpq_address(url)


class _Sharing(psycopg.Connection[TupleRow]):
    """A synchronous connection over the one that an asynchronous connection has."""

    @classmethod
    def over(cls, driver: psycopg.AsyncConnection[Any]) -> _Sharing:
        """Return a connection that shares everything of `driver`, its transaction too."""
        server = driver.pgconn
        handlers = server.notice_handler, server.notify_handler
        shared = cls(server, tuple_row)
        server.notice_handler, server.notify_handler = handlers  # notices stay the driver's
        shared.prepare_threshold = None  # the names of prepared statements would be the driver's
        if driver.autocommit:
            shared.autocommit = True
        return shared

    def __del__(self, *_: object) -> None:
        """Leave the connection to the server open, which is the driver's."""


class _Foreign:
    """A connection of another driver, with as much of psycopg's as embeddb uses in a migration."""

    closed = False
    autocommit = False
    row_factory = staticmethod(tuple_row)
    cursor_factory = psycopg.Cursor

    def __init__(self, connection: sa.Connection) -> None:
        self.adapters = AdaptersMap(psycopg.adapters)
        self.info = _Info(self, connection)
        self.failed = False
        self._connection = connection
        self._depth = 0
        self._is_asyncpg = connection.dialect.driver == "asyncpg"

    def execute(
        self,
        statement: sql.Composable | str | bytes,
        values: Mapping[str, Any] | None = None,
        **_: object,
    ) -> _Rows:
        """Execute a statement, its values written into it; without values it may be several.

        Several give no rows with asyncpg.
        """
        if isinstance(statement, sql.Composable):
            statement = statement.as_string(None)
        text = statement.decode() if isinstance(statement, bytes) else statement
        try:
            if values is not None:
                return self._fetch(with_values(text, values))
            return self._run(text) if self._is_asyncpg else self._fetch(text)
        except Exception as error:
            self.failed = not is_autocommit(self._connection)
            _raise_as_psycopg(error)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Enclose the block in a savepoint, or in a transaction where there is none."""
        begins = self._depth == 0 and is_autocommit(self._connection)
        name = sql.Identifier(f"embeddb_{self._depth}")
        named: dict[str, sql.Composable] = {} if begins else {"savepoint": name}
        begin, end, undo = (
            ("begin", "commit", "rollback") if begins else ("savepoint", "release", "rollback_to")
        )
        self.execute(query(f"transactions.{begin}", **named), {})
        self._depth += 1
        try:
            yield
        except BaseException as error:
            self.execute(query(f"transactions.{undo}", **named), {})
            self.failed = False
            if not begins:
                self.execute(query("transactions.release", **named), {})
            if not isinstance(error, psycopg.Rollback):
                raise
        else:
            self.execute(query(f"transactions.{end}", **named), {})
        finally:
            self._depth -= 1

    def _fetch(self, text: str) -> _Rows:
        cursor = self._connection.connection.cursor()
        try:
            if not self._is_asyncpg:
                _take_texts(cursor)
            cursor.execute(text)
            described: Any = cursor.description or []
            columns = [_Column(name=str(column[0]), type_code=column[1]) for column in described]
            found = cursor.fetchall() if described else []
            read = _read_value if self._is_asyncpg else _read_text
            readers = [read(column.type_code) for column in columns]
            rows = [tuple(map(_apply, readers, row)) for row in found]
            return _Rows(rows, columns or None, cursor.rowcount)
        finally:
            cursor.close()

    def _run(self, text: str) -> _Rows:
        """Execute one statement or several, by the protocol that has no prepared statements."""
        adapted: Any = self._connection.connection.dbapi_connection
        adapted.run_async(lambda driver: driver.execute(text))
        return _Rows([], None, -1)


class _Info:
    """What is known of a connection, as psycopg's `Connection.info` tells it."""

    def __init__(self, own: _Foreign, connection: sa.Connection) -> None:
        self._own = own
        self._url = connection.engine.url

    @property
    def dsn(self) -> str:
        """The libpq connection string, without a password."""
        return libpq_address(self._url.set(password=None))

    @property
    def server_version(self) -> int:
        """The server's version as libpq has it, 180001 for 18.1."""
        return int(self.parameter_status("server_version_num") or 0)

    @property
    def transaction_status(self) -> TransactionStatus:
        """Whether the transaction has failed."""
        return TransactionStatus.INERROR if self._own.failed else TransactionStatus.INTRANS

    def parameter_status(self, name: str) -> str | None:
        """Return a setting of the session; characters are the driver's own concern."""
        if name == "client_encoding":
            return ENCODING
        row = self._own.execute(query("settings.get"), {"name": name}).fetchone()
        return None if row is None else row[0]


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    type_code: int


class _Rows:
    """The rows of a statement."""

    def __init__(
        self, rows: Sequence[TupleRow], description: list[_Column] | None, rowcount: int
    ) -> None:
        self.description = description
        self.rowcount = rowcount
        self._rows = iter(rows)

    def __iter__(self) -> Iterator[TupleRow]:
        return self._rows

    def fetchone(self) -> TupleRow | None:
        """Return the next row; None after the last."""
        return next(self._rows, None)

    def fetchall(self) -> list[TupleRow]:
        """Return the rows that are left."""
        return list(self._rows)


def _apply(read: Callable[[Any], Any], value: object) -> object:
    return None if value is None else read(value)


def _read_text(type_code: int) -> Callable[[str], Any]:
    """Return what reads a value as Postgres wrote it, as psycopg does."""
    load = Transformer().get_loader(type_code, Format.TEXT).load
    return lambda text: load(text.encode())


def _read_value(type_code: int) -> Callable[[Any], Any]:
    """Return what makes of a value of asyncpg's what psycopg gives."""
    if type_code in _JSON:
        return lambda value: json.loads(value) if isinstance(value, str | bytes) else value
    if type_code == types['"char"'].oid:
        return lambda value: value.decode() if isinstance(value, bytes) else value
    return lambda value: value


def _take_texts(cursor: Any) -> None:  # noqa: ANN401
    """Have a cursor of psycopg2's give every value as Postgres wrote it."""
    from psycopg2.extensions import register_type

    register_type(_texts(), cursor)


@cache
def _texts() -> Any:  # noqa: ANN401
    from psycopg2.extensions import new_type

    oids = {oid for kind in types for oid in (kind.oid, kind.array_oid) if oid}
    return new_type(tuple(sorted(oids)), "EMBEDDB", lambda text, cursor: text)


def _raise_as_psycopg(error: Exception) -> NoReturn:
    """Raise psycopg's error of the same SQLSTATE; what no server said is raised as it is."""
    told: Any = getattr(error, "diag", None) or error.__cause__ or error
    state = getattr(error, "pgcode", None) or getattr(error, "sqlstate", None)
    if state is None:
        if type(error).__name__ in ("OperationalError", "InterfaceError"):
            raise psycopg.OperationalError(str(error)) from error
        raise error
    info: dict[int, bytes | None] = {DiagnosticField.SQLSTATE: state.encode()}
    for field, names in _FIELDS.items():
        text = next((found for name in names if (found := getattr(told, name, None))), None)
        info[field] = None if text is None else str(text).encode()
    try:
        kind = pg.lookup(state)
    except KeyError:
        kind = psycopg.DatabaseError
    raise kind(_message(info), info=info) from error


def _message(info: Mapping[int, bytes | None]) -> str:
    parts = (
        ("", DiagnosticField.MESSAGE_PRIMARY),
        ("DETAIL:  ", DiagnosticField.MESSAGE_DETAIL),
        ("HINT:  ", DiagnosticField.MESSAGE_HINT),
    )
    return "\n".join(head + text.decode() for head, field in parts if (text := info.get(field)))
