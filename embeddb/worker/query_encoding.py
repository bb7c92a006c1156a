"""Answers the texts that SQL functions ask with: the worker's part of `embeddb.encode()`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

import psycopg

from embeddb.db.boundary import connection_lost
from embeddb.db.database import Connection
from embeddb.errors import EmbedDBError
from embeddb.pipeline.generation.model import BoundModel
from embeddb.repository.query_encoding.encode_requests import EncodeRequest, EncodeRequests

Models: TypeAlias = Callable[[str], BoundModel]
"""Returns the model of a collection by its name."""

MOST_AT_ONCE = 64
"""Texts that are encoded together; the others wait no longer than these take."""

CACHE_ROWS = 10_000
"""Answers that are kept: 16 MB of vectors of 384 dimensions."""

PRUNE_SECONDS = 60.0
"""How often what nobody needs any more is removed."""

UNASKED_SECONDS = 3600 + 60.0
"""The age at which nobody waits for an answer: embeddb.encode_query waits an hour at most."""

UNREAD_SECONDS = 30.0
"""The age at which nobody is left to read an answer: who waits looks every few milliseconds."""

log = logging.getLogger("embeddb.worker")


class QueryEncoder:
    """Encodes waiting texts with their collection's model; give it to a worker as `requests`.

    It is called again and again on one connection. At its first call there it takes a lock that
    lasts as long as that session, which is how SQL functions know that somebody will answer.

    Args:
        schema: where embeddb's tables are.
        collections: the names of those that it answers for; None: all.
        cache_rows: how many answers are kept for whoever asks with the same text.
    """

    def __init__(
        self,
        schema: str = "embeddb",
        collections: Sequence[str] | None = None,
        *,
        cache_rows: int = CACHE_ROWS,
    ) -> None:
        self._requests = EncodeRequests(schema)
        self._names = None if collections is None else list(collections)
        self._cache_rows = cache_rows
        self._announced: Connection | None = None
        self._pruned_at = float("-inf")

    def __call__(self, connection: Connection, model: Models) -> None:
        """Answer every text that waits; the connection is in autocommit mode."""
        if self._announced is not connection:
            self._requests.announce(connection, self._names)
            self._announced = connection
        while self._answer_some(connection, model) == MOST_AT_ONCE:
            pass
        if time.monotonic() - self._pruned_at > PRUNE_SECONDS:
            self._prune(connection)
            self._pruned_at = time.monotonic()

    def _answer_some(self, connection: Connection, model: Models) -> int:
        """Answer some texts in one transaction; return how many.

        If this session dies, its requests are free again, and another worker answers them.
        """
        with connection.transaction():
            requests = self._requests.claim(connection, self._names, MOST_AT_ONCE)
            of_collection = attrgetter("collection")
            for name, group in groupby(sorted(requests, key=of_collection), key=of_collection):
                self._answer(connection, model, name, list(group))
        return len(requests)

    def _answer(
        self, connection: Connection, model: Models, name: str, requests: list[EncodeRequest]
    ) -> None:
        """Answer requests of one collection, with their vectors or with what is wrong."""
        try:
            bound = model(name)
            found = bound.encode([request.text for request in requests])
        except psycopg.Error:
            raise
        except EmbedDBError as error:
            if error.__cause__ is not None and connection_lost(error.__cause__):
                raise
            for request in requests:
                self._refuse(connection, request, error)
            return
        fingerprint = bound.encoder.info.fingerprint
        for row, request in enumerate(requests):
            if row in found.errors:
                self._refuse(connection, request, found.errors[row])
            else:
                self._requests.answer(connection, request, found.vectors[row], fingerprint)

    def _refuse(self, connection: Connection, request: EncodeRequest, error: EmbedDBError) -> None:
        reason = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        log.warning("query not encoded", extra={"collection": request.collection, "error": reason})
        self._requests.refuse(connection, request, reason)

    def _prune(self, connection: Connection) -> None:
        self._requests.forget(connection, self._cache_rows)
        self._requests.abandon(
            connection, unasked_seconds=UNASKED_SECONDS, unread_seconds=UNREAD_SECONDS
        )
