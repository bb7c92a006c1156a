"""Binary COPY: rows of ready-made fields in Postgres's own wire format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from psycopg import sql

from embeddb.db.database import Connection
from embeddb.db.queries import query

Field: TypeAlias = "bytes | memoryview"
"""A value with its length in front, as the format wants it."""

NULL = b"\xff\xff\xff\xff"
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_CHUNK_BYTES = 1 << 18
"""psycopg hands libpq pieces of this size at best; larger joins only cost memory."""


def text(value: str | None) -> Field:
    """Encode text."""
    if value is None:
        return NULL
    data = value.encode()
    return len(data).to_bytes(4, "big") + data


def jsonb(value: bytes) -> Field:
    """Encode UTF-8 JSON text; the byte in front is jsonb's format version."""
    return (len(value) + 1).to_bytes(4, "big") + b"\x01" + value


def binary(value: bytes) -> Field:
    """Encode bytea."""
    return len(value).to_bytes(4, "big") + value


def int4(value: int) -> Field:
    """Encode integer."""
    return b"\0\0\0\x04" + value.to_bytes(4, "big", signed=True)


def int4range(start: int, stop: int) -> Field:
    """Encode the range [start, stop), or `empty`; the first byte holds range flags."""
    if start >= stop:
        return b"\0\0\0\x01\x01"
    return b"\0\0\0\x11\x02" + int4(start) + int4(stop)


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
    text = statement.as_bytes(None).replace(b"%%", b"%")
    with connection.cursor().copy(text) as copy:
        pieces: list[Field] = [_HEADER]
        size = 0
        for row in rows:
            pieces.append(count)
            pieces.extend(row)
            size += sum(map(len, row))
            if size >= _CHUNK_BYTES:
                copy.write(b"".join(pieces))
                pieces, size = [], 0
        pieces.append(_TRAILER)
        copy.write(b"".join(pieces))
