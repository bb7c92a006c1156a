"""Listens to the database: for new jobs, and for texts that SQL functions want encoded."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Protocol

from embeddb.db.database import Connection
from embeddb.pipeline.generation.model import BoundModel
from embeddb.repository.query_encoding.encode_requests import EncodeRequests
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
            model: returns the model of a collection by its name, loaded once and kept.
        """
        ...


class Listener:
    """Listens on one channel in a thread of its own, on a connection of its own.

    Args:
        context: what the threads of the worker share.
        name: of the thread, after `embeddb-`.
        listen: has a session listen on the channel.
        receive: called with the payloads that came since the last call; with none of them after
            each silence of half a second; and with None where notifications may have been missed,
            at the start and after the connection was lost.
    """

    def __init__(
        self,
        context: WorkerContext,
        name: str,
        listen: Callable[[Connection], None],
        receive: Callable[[Connection, list[str] | None], None],
    ) -> None:
        self._context = context
        self._listen = listen
        self._receive = receive
        self._thread = Thread(target=self._run, name="embeddb-" + name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread's end, after the worker was told to stop."""
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        connection = self._context.new_connection()
        try:
            while not self._context.stopping.is_set():
                connection.run(self._follow)
        except StoppedError:
            pass
        except Exception as error:
            self._context.crash(error)
        finally:
            connection.close()

    def _follow(self, connection: Connection) -> None:
        """Listen until the worker stops, or the connection is lost."""
        self._listen(connection)
        self._receive(connection, None)
        while not self._context.stopping.is_set():
            notifications = connection.notifies(timeout=POLL_SECONDS, stop_after=1)
            self._receive(connection, [one.payload for one in notifications])


def job_listener(context: WorkerContext, wake: Callable[[set[int] | None], None]) -> Listener:
    """Return a listener for new jobs: `wake` gets the ids of their collections, or None for any."""

    def receive(connection: Connection, payloads: list[str] | None) -> None:
        if payloads is None:
            wake(None)
        elif payloads:
            wake({int(payload) for payload in payloads if payload.isdecimal()})

    return Listener(context, "listen", context.jobs.listen, receive)


def request_listener(context: WorkerContext, requests: Requests) -> Listener:
    """Return a listener for texts to encode; they are also looked for without a notification."""

    def receive(connection: Connection, payloads: list[str] | None) -> None:
        requests(connection, context.models.named)

    channel = EncodeRequests(context.database.schema)
    return Listener(context, "requests", channel.listen, receive)
