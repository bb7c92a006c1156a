"""Work in numbered pieces, on as many connections as can be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Lock
from typing import Generic, TypeVar

from embeddb.db.database import Connection, Database
from embeddb.errors import DatabaseError

Result = TypeVar("Result")


def run_parallel(
    database: Database, pieces: int, work: Callable[[Connection, int], Result], *, connections: int
) -> list[Result]:
    """Do each piece of work once, on one of several connections, and return the results in order.

    The caller's thread works too, and does not depend on the others: a pool that has only one
    connection to give, or none soon enough, costs speed and nothing else.

    Args:
        database: where connections are from.
        pieces: how many pieces there are, numbered from 0.
        work: does one piece.
        connections: how many to use at most.

    Raises:
        What `work` raises; the pieces not yet begun are left then.
    """
    shared = _Pieces(database, pieces, work)
    helpers = min(connections, database.lendable, pieces) - 1
    with ThreadPoolExecutor(max(1, helpers)) as threads, database.connection() as connection:
        others = [threads.submit(shared.help_out) for _ in range(helpers)]
        shared.work_off(connection)
        # given back: helpers that are still waiting for one see that nothing is left
    for other in others:
        other.result()
    return [shared.results[number] for number in range(pieces)]


class _Pieces(Generic[Result]):
    """Pieces that several threads take from, each for its own connection."""

    def __init__(
        self, database: Database, pieces: int, work: Callable[[Connection, int], Result]
    ) -> None:
        self.results: dict[int, Result] = {}
        self._database = database
        self._work = work
        self._left: Iterator[int] = iter(range(pieces))
        self._taking = Lock()

    def work_off(self, connection: Connection) -> None:
        """Do pieces until none is left."""
        try:
            while (number := self._take()) is not None:
                self.results[number] = self._work(connection, number)
        except BaseException:
            self._left = iter(())
            raise

    def help_out(self) -> None:
        """Do pieces until none is left, if another connection can be had."""
        with ExitStack() as held:
            try:
                connection = held.enter_context(self._database.connection())
            except DatabaseError:  # whoever has a connection goes on
                return
            self.work_off(connection)

    def _take(self) -> int | None:
        with self._taking:
            return next(self._left, None)
