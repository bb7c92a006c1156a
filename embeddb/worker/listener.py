"""Hears what the database tells: of new jobs, and of texts that SQL functions want encoded."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Protocol

from psycopg import sql

from embeddb.db.database import Connection
from embeddb.db.queries import query
from embeddb.pipeline.generation.model import BoundModel
from embeddb.worker.connection import StoppedError
from embeddb.worker.context import WorkerContext

POLL_SECONDS = 0.5
"""How soon a listener notices that the worker is to stop."""


class Requests(Protocol):
    """Answers texts that SQL functions want encoded; see `embeddb.worker`."""

    def __call__(self, connection: Connection, model: Callable[[str], BoundModel]) -> None:
        """Answer every request that waits.

        Args:
            connection: in autocommit mode, of this thread alone.
            model: gives the model of a collection by its name, loaded once and kept.
        """
        ...


class Listener:
    """Listens on one channel in a thread of its own, on a connection of its own.

    Args:
        listen: the LISTEN statement.
        hear: called with the payloads that came since the last call, after each silence of half a
            second with none, and with None when notifications may have been missed.
    """

    def __init__(
        self,
        shop: WorkerContext,
        name: str,
        listen: sql.Composed,
        hear: Callable[[Connection, list[str] | None], None],
    ) -> None:
        self._shop = shop
        self._listen = listen
        self._hear = hear
        self._thread = Thread(target=self._run, name="embeddb-" + name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end, after the shop was told to stop."""
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        link = self._shop.link()
        try:
            while not self._shop.stopping.is_set():
                link.run(self._listen_on)
        except StoppedError:
            pass
        except Exception as error:
            self._shop.crash(error)
        finally:
            link.close()

    def _listen_on(self, connection: Connection) -> None:
        """Listen until the worker stops, or the connection is lost."""
        connection.execute(self._listen, {})
        self._hear(connection, None)
        while not self._shop.stopping.is_set():
            heard = connection.notifies(timeout=POLL_SECONDS, stop_after=1)
            self._hear(connection, [notice.payload for notice in heard])


def job_ear(shop: WorkerContext, wake: Callable[[set[int] | None], None]) -> Listener:
    """Listen for new jobs: `wake` gets the ids of the collections, or None for any."""

    def hear(connection: Connection, payloads: list[str] | None) -> None:
        if payloads is None:
            wake(None)
        elif payloads:
            wake({int(payload) for payload in payloads if payload.isdecimal()})

    return Listener(shop, "listen", query("workers.listen"), hear)


def request_ear(
    shop: WorkerContext, requests: Requests, model: Callable[[str], BoundModel]
) -> Listener:
    """Listen for texts to be encoded; they are also looked for without any notification."""

    def hear(connection: Connection, payloads: list[str] | None) -> None:
        requests(connection, model)

    return Listener(shop, "requests", query("workers.listen_encode"), hear)
