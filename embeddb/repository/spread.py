"""Work in numbered pieces, on as many connections as can be had."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from threading import Event, Lock
from typing import TypeVar

from embeddb.db.database import Connection, Database
from embeddb.errors import DatabaseError

Result = TypeVar("Result")


def spread(
    database: Database, pieces: int, work: Callable[[Connection, int], Result], *, connections: int
) -> list[Result]:
    """Do each piece once, on one of several connections, and give the results in order.

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
    results: dict[int, Result] = {}
    numbers, taking, stop = count(), Lock(), Event()

    def next_piece() -> int | None:
        with taking:  # so that no piece is taken and then left
            number = pieces if stop.is_set() else next(numbers)
        return number if number < pieces else None

    def run(connection: Connection) -> None:
        while (number := next_piece()) is not None:
            results[number] = work(connection, number)

    def help_out() -> None:
        with ExitStack() as held:
            try:
                connection = held.enter_context(database.connection())
            except DatabaseError:  # whoever has a connection goes on
                return
            try:
                run(connection)
            except BaseException:
                stop.set()
                raise

    helpers = min(connections, database.lendable, pieces) - 1
    if helpers < 1:
        with database.connection() as connection:
            run(connection)
    else:
        with ThreadPoolExecutor(helpers) as threads:
            others = [threads.submit(help_out) for _ in range(helpers)]
            try:
                with database.connection() as connection:
                    run(connection)
            finally:
                stop.set()
        for other in others:
            other.result()
    return [results[number] for number in range(pieces)]
