"""Texts that SQL functions want encoded, on their way to a worker and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Cursor, sql
from psycopg.rows import TupleRow

from embeddb.db.database import Connection
from embeddb.db.queries import Name, query
from embeddb.records import Vector

EVERY_COLLECTION = 0
"""What a worker that answers for every collection announces in place of a collection's number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodeRequest:
    """A text that waits for its vector, and the collection whose model is to encode it."""

    id: int
    collection: str
    text: str


class EncodeRequests:
    """The requests of one schema, and the answers that are kept for whoever asks the same.

    Every method works on the caller's connection.

    Args:
        schema: where embeddb's tables are.
    """

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._tables: dict[str, sql.Composable] = {
            table: Name(schema, table)
            for table in ("collections", "encode_requests", "encoded_queries")
        }

    def listen(self, connection: Connection) -> None:
        """Have this session notified of new requests."""
        self._execute(connection, "listen", {})

    def announce(self, connection: Connection, names: Sequence[str] | None) -> None:
        """Let SQL functions know that this session answers, until it ends.

        Args:
            connection: in autocommit mode; the locks that it takes are those of its session.
            names: the collections that it answers for; None: every one, those to come included.
        """
        numbers = [EVERY_COLLECTION]
        if names is not None:
            rows = self._execute(connection, "collections", {"names": list(names)}).fetchall()
            numbers = [row[0] for row in rows]
        for number in numbers:
            self._execute(connection, "announce", {"schema": self._schema, "collection": number})

    def claim(
        self, connection: Connection, names: Sequence[str] | None, limit: int
    ) -> list[EncodeRequest]:
        """Return the oldest requests that wait, locked until the caller's transaction ends.

        A request that another worker has locked is left out. If this session dies, its requests
        are free again for another one.
        """
        values = {"names": None if names is None else list(names), "limit": limit}
        rows = self._execute(connection, "claim", values).fetchall()
        return [EncodeRequest(id=row[0], collection=row[1], text=row[2]) for row in rows]

    def answer(
        self, connection: Connection, request: EncodeRequest, vector: Vector, fingerprint: str
    ) -> None:
        """Answer a request, and keep the answer for whoever asks with the same text.

        Args:
            connection: inside the transaction that claimed the request.
            request: a claimed one.
            vector: shape (dim,), as the model gives it.
            fingerprint: of the model.
        """
        embedding = vector.tolist()
        self._execute(
            connection, "answer", {"id": request.id, "embedding": embedding, "problem": None}
        )
        values = {"fingerprint": fingerprint, "text": request.text, "embedding": embedding}
        self._execute(connection, "remember", values)

    def refuse(self, connection: Connection, request: EncodeRequest, error: str) -> None:
        """Answer a request that cannot be encoded with the reason why."""
        values = {"id": request.id, "embedding": None, "problem": error}
        self._execute(connection, "answer", values)

    def forget(self, connection: Connection, most: int) -> None:
        """Remove the oldest answers beyond the `most` that may be kept."""
        self._execute(connection, "forget", {"most": most})

    def abandon(
        self, connection: Connection, *, unasked_seconds: float, unread_seconds: float
    ) -> None:
        """Remove requests that nobody waits for any more.

        Args:
            connection: in autocommit mode.
            unasked_seconds: the age at which a request has nobody left who asks.
            unread_seconds: the age at which an answer has nobody left to read it.
        """
        values = {"unasked": unasked_seconds, "unread": unread_seconds}
        self._execute(connection, "abandon", values)

    def _execute(
        self, connection: Connection, name: str, values: dict[str, Any]
    ) -> Cursor[TupleRow]:
        return connection.execute(query("encode_requests." + name, **self._tables), values)
