"""Rows of a Postgres table or query, streamed by a server-side cursor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader
from psycopg.rows import dict_row
from psycopg.types.multirange import MultirangeInfo
from psycopg.types.range import RangeInfo
from psycopg.types.string import TextLoader

from embeddb.db.address import libpq_address
from embeddb.db.session import ENCODING, lent_session
from embeddb.errors import ConfigurationError, SourceError
from embeddb.records import Document, Failure
from embeddb.sources.rows import Columns

# Rows fetched by one round trip, and in memory at once.
FETCH_ROWS = 1_000

_TABLE = re.compile(r"[^\W\d][\w$]*(\.[^\W\d][\w$]*)?")


@dataclass(frozen=True)
class Query:
    """The rows of a table or of a query in Postgres.

    `metadata` names the column of a JSON object, or the columns to collect; None takes the column
    `metadata` if there is one, else all remaining columns.

    The rows are read in one transaction. On a connection of the caller's, that transaction
    is open while the source is read, so it must not be the one that the documents are
    written with.

    Attributes:
        database: a URL, libpq's or SQLAlchemy's, or a psycopg connection of the caller's, which
            stays open and, between two transactions, as it was.
        query: the name of a table or view, `schema.` before it or not, or a SELECT. Give it
            an ORDER BY where the order matters.
        params: values for the placeholders of the query.

    Raises:
        SourceError: the database cannot be reached, refuses the query, or the rows lack the
            named columns.
    """

    database: str | psycopg.Connection[Any] = field(repr=False)
    query: str
    params: Sequence[Any] | Mapping[str, Any] | None = None
    id: str = "id"
    content: str = "content"
    metadata: str | Sequence[str] | None = None
    embedding: str = "embedding"

    def documents(self) -> Iterator[Document | Failure]:
        """Yield each row's document, or a Failure that names the row, counted from 1."""
        columns = Columns(
            id=self.id, content=self.content, metadata=self.metadata, embedding=self.embedding
        )
        with self._cursor() as cursor:
            names = [column.name for column in cursor.description or ()]
            columns.check(names, "The query")
            for number, row in enumerate(_translated(cursor), start=1):
                yield columns.document(row, f"row {number}")

    def count(self) -> int | None:
        """Return None: counting would run the query twice."""
        return None

    @contextmanager
    def _cursor(self) -> Iterator[psycopg.ServerCursor[dict[str, Any]]]:
        with self._connection() as connection, connection.transaction():
            name = f"embeddb_{uuid4().hex}"
            with (
                lent_session(connection, local=True),
                connection.cursor(name=name, row_factory=dict_row) as cursor,
            ):
                cursor.itersize = FETCH_ROWS
                _take_all_values(cursor)
                try:
                    cursor.execute(_statement(self.query), self.params)
                except psycopg.Error as error:
                    raise _refused(error) from error
                yield cursor

    def _connection(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        if isinstance(self.database, psycopg.Connection):
            return nullcontext(self.database)
        try:
            return psycopg.connect(libpq_address(self.database), client_encoding=ENCODING)
        except (psycopg.Error, ConfigurationError) as error:
            raise SourceError(
                f"The database of the query cannot be reached, check its URL: {error}"
            ) from error


# Types with values that Python lacks: infinity, years before 1 and after 9999.
_TIMES = ("date", "timestamp", "timestamptz", "time", "timetz", "interval")


class _TimeLoader(Loader):
    """Loads a date or time, or its text where Python has no such value."""

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        adapters = psycopg.adapters if self.connection is None else self.connection.adapters
        found = adapters.get_loader(oid, psycopg.pq.Format.TEXT) or TextLoader
        self._loader = found(oid, context)

    def load(self, data: Buffer) -> Any:  # noqa: ANN401
        try:
            return self._loader.load(data)
        except psycopg.DataError:
            return bytes(data).decode()


def _take_all_values(cursor: psycopg.ServerCursor[Any]) -> None:
    """Have ranges, and dates and times that Python lacks, come as Postgres writes them."""
    for name in _TIMES:
        cursor.adapters.register_loader(name, _TimeLoader)
    for kind in psycopg.postgres.types:
        if isinstance(kind, RangeInfo | MultirangeInfo):
            cursor.adapters.register_loader(kind.oid, TextLoader)


def _statement(query: str) -> sql.Composed | bytes:
    if _TABLE.fullmatch(query.strip()):
        table = sql.Identifier(*query.strip().split("."))
        return sql.SQL("SELECT * FROM {}").format(table)
    return query.encode()


def _translated(cursor: psycopg.ServerCursor[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    rows = iter(cursor)
    while True:
        try:
            row = next(rows, None)
        except psycopg.Error as error:
            raise _refused(error) from error
        if row is None:
            return
        yield row


def _refused(error: psycopg.Error) -> SourceError:
    return SourceError(f"The database refused the query: {error}")
