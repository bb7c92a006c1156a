"""Binary COPY: rows of ready-made fields in Postgres's own wire format.

https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from psycopg import sql

from embeddb.db.database import Connection
from embeddb.db.queries import query

Field: TypeAlias = "bytes | memoryview"
"""One or more values, each with its length in front, as the format wants them."""

NULL = b"\xff\xff\xff\xff"
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_ROWS_PER_MESSAGE = 512
"""Rows joined into one message: psycopg cuts larger ones, and smaller ones cost a call each."""


def binary(value: bytes | None) -> bytes:
    """Return the field of bytea, or of text that is UTF-8 already."""
    return NULL if value is None else len(value).to_bytes(4, "big") + value


def text(value: str | None) -> bytes:
    """Return the field of text."""
    return NULL if value is None else binary(value.encode())


def int4(value: int | None) -> bytes:
    """Return the field of an integer of four bytes."""
    return NULL if value is None else b"\0\0\0\x04" + value.to_bytes(4, "big", signed=True)


def jsonb(value: bytes) -> bytes:
    """Return the field of jsonb; the byte in front of the text is the format's version."""
    return (len(value) + 1).to_bytes(4, "big") + b"\x01" + value


def copy_rows(
    connection: Connection,
    table: sql.Composable,
    columns: Sequence[str],
    rows: Iterable[Sequence[Field]],
) -> None:
    """Copy rows of fields into `table`, in whatever transaction the connection is in."""
    count = len(columns).to_bytes(2, "big")
    statement = query(
        "documents.copy",
        table=table,
        columns=sql.SQL(", ").join(sql.Identifier(column) for column in columns),
    )
    # a COPY takes no parameters, and without any psycopg leaves percent signs alone
    command = statement.as_bytes(None).replace(b"%%", b"%")
    with connection.cursor().copy(command) as copy:
        pieces: list[Field] = [_HEADER]
        for number, row in enumerate(rows, start=1):
            pieces.append(count)
            pieces += row
            if number % _ROWS_PER_MESSAGE == 0:
                copy.write(b"".join(pieces))
                pieces = []
        pieces.append(_TRAILER)
        copy.write(b"".join(pieces))
