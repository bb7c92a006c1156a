"""Answers the texts that SQL functions ask with: the worker's part of `embeddb.encode()`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import psycopg
from psycopg import sql

from embeddb.db.boundary import connection_lost
from embeddb.db.database import Connection
from embeddb.db.queries import Name, query
from embeddb.errors import EmbedDBError
from embeddb.pipeline.generation.model import BoundModel
from embeddb.records import Vector

Models: TypeAlias = Callable[[str], BoundModel]
"""Gives the model of a collection by its name."""

MOST_AT_ONCE = 64
"""Texts encoded together; the others wait for no longer than these take."""

CACHE_ROWS = 10_000
"""Vectors kept of texts that were asked: 16 MB of 384 dimensions."""

PRUNE_SECONDS = 60.0
ABANDONED_SECONDS = 3600 + 60.0
"""encode_query waits for an hour at the most."""

UNREAD_SECONDS = 30.0
"""Whoever waits looks every few milliseconds: an answer that is older has nobody to read it."""

log = logging.getLogger("embeddb.worker")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Request:
    id: int
    collection: str
    text: str


class QueryEncoder:
    """Encodes waiting texts with their collection's model; give it to a worker as `requests`.

    Called again and again on one connection, it first tells with a lock of that session that it is
    there, which is how functions know that somebody will answer.

    Args:
        schema: where embeddb's tables are.
        collections: names of those that it answers for; None: for all.
    """

    def __init__(
        self,
        schema: str = "embeddb",
        collections: Sequence[str] | None = None,
        *,
        cache_rows: int = CACHE_ROWS,
    ) -> None:
        self._schema = schema
        self._names = None if collections is None else list(collections)
        self._cache_rows = cache_rows
        self._announced: Connection | None = None
        self._pruned = float("-inf")
        self._tables: dict[str, sql.Composable] = {
            table: Name(schema, table)
            for table in ("collections", "encode_requests", "encoded_queries")
        }

    def __call__(self, connection: Connection, model: Models) -> None:
        """Answer every text that waits; the connection is in autocommit mode."""
        if self._announced is not connection:
            self._announce(connection)
            self._announced = connection
        while self._answer_some(connection, model) == MOST_AT_ONCE:
            pass
        if time.monotonic() - self._pruned > PRUNE_SECONDS:
            self._prune(connection)
            self._pruned = time.monotonic()

    def _announce(self, connection: Connection) -> None:
        numbers = [0]
        if self._names is not None:
            rows = connection.execute(
                query("encode_requests.collections", **self._tables), {"names": self._names}
            ).fetchall()
            numbers = [row[0] for row in rows]
        for number in numbers:
            values = {"schema": self._schema, "collection": number}
            connection.execute(query("encode_requests.announce"), values)

    def _answer_some(self, connection: Connection, model: Models) -> int:
        """Answer in one transaction: where this session dies, another takes the texts over."""
        with connection.transaction():
            rows = connection.execute(
                query("encode_requests.claim", **self._tables),
                {"names": self._names, "limit": MOST_AT_ONCE},
            ).fetchall()
            requests = [_Request(id=row[0], collection=row[1], text=row[2]) for row in rows]
            by_collection = sorted(requests, key=lambda request: request.collection)
            for name, group in groupby(by_collection, key=lambda request: request.collection):
                self._answer(connection, model, name, list(group))
        return len(requests)

    def _answer(
        self, connection: Connection, model: Models, name: str, requests: list[_Request]
    ) -> None:
        try:
            encoder = model(name).encoder
            vectors: Vector = encoder.encode([request.text for request in requests], "query")
        except psycopg.Error:
            raise
        except EmbedDBError as error:
            if error.__cause__ is not None and connection_lost(error.__cause__):
                raise
            problem = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            log.warning("query not encoded", extra={"collection": name, "error": problem})
            for request in requests:
                self._write(connection, request, None, problem)
            return
        for request, vector in zip(requests, vectors, strict=True):
            embedding = vector.tolist()
            self._write(connection, request, embedding, None)
            values = {
                "fingerprint": encoder.info.fingerprint,
                "text": request.text,
                "embedding": embedding,
            }
            connection.execute(query("encode_requests.remember", **self._tables), values)

    def _write(
        self,
        connection: Connection,
        request: _Request,
        embedding: list[float] | None,
        problem: str | None,
    ) -> None:
        values = {"id": request.id, "embedding": embedding, "problem": problem}
        connection.execute(query("encode_requests.answer", **self._tables), values)

    def _prune(self, connection: Connection) -> None:
        connection.execute(
            query("encode_requests.forget", **self._tables), {"most": self._cache_rows}
        )
        connection.execute(
            query("encode_requests.abandon", **self._tables),
            {"unasked": ABANDONED_SECONDS, "unread": UNREAD_SECONDS},
        )
