"""One CREATE INDEX CONCURRENTLY: its session, its progress, Postgres's notices."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress

from psycopg import errors as pg
from psycopg import sql

from embeddb.db.database import Connection, Database
from embeddb.db.queries import query
from embeddb.protocols import PhaseProgress
from embeddb.repository.indexes.planner import WORKERS, limits_of, plan_build
from embeddb.schema.index_rules import Indexed
from embeddb.schema.indexes import IndexSpec

POLL_SECONDS = 0.25

CHECK_CLIENT_MS = 2_000
"""How soon the server notices that the client of a build is gone."""

_NOTES = {
    "hnsw graph no longer fits": (
        "the rest of the build is slow; raise the server's maintenance_work_mem, or its "
        "effective_cache_size, of which a build takes up to a quarter, or make the index smaller: "
        "on='bit', a smaller m"
    ),
    "created with little data": (
        "there are fewer rows than lists, and recall is low: build it again when there are more "
        "rows, or with fewer lists"
    ),
}
"""What is worth telling of the notices of a build, and what to do about each."""


def prepare_session(connection: Connection) -> None:
    """Lift the time limits, and let the build end where its client does."""
    connection.execute(query("indexes.no_limits"), {})
    with suppress(pg.InvalidParameterValue):  # not on every platform
        connection.execute(query("indexes.check_client"), {"milliseconds": CHECK_CLIENT_MS})


def give_resources(
    connection: Connection, index: IndexSpec, held: Indexed | None, rows: int
) -> None:
    """Set the memory and the workers of this session to what building an index takes."""
    row = connection.execute(query("indexes.build_limits"), {}).fetchone()
    assert row is not None  # it asks for settings, and there is one row of them
    for name, value in plan_build(index, held, rows, limits_of(row)).items():
        change = {"name": name, "value": value, "local": False}
        connection.execute(query("settings.set"), change)


def leave_workers_out(connection: Connection) -> None:
    """Have this session build alone: parallel workers share memory that there may not be."""
    change = {"name": WORKERS, "value": "0", "local": False}
    connection.execute(query("settings.set"), change)


def run_build(
    database: Database,
    connection: Connection,
    statement: sql.Composed,
    progress: PhaseProgress | None,
) -> list[str]:
    """Execute the statement, report its progress, and return what there is to warn of.

    Raises:
        psycopg.Error, KeyboardInterrupt: an invalid index is left.
    """
    notes: list[str] = []

    def note(diagnostic: pg.Diagnostic) -> None:
        notes.extend(_note(diagnostic.message_primary or ""))

    connection.add_notice_handler(note)
    try:
        _execute(database, connection, statement, progress)
    finally:
        connection.remove_notice_handler(note)
    return list(dict.fromkeys(notes))


def _note(message: str) -> list[str]:
    return [f"{message}: {remedy}." for begin, remedy in _NOTES.items() if begin in message]


def _execute(
    database: Database,
    connection: Connection,
    statement: sql.Composed,
    progress: PhaseProgress | None,
) -> None:
    if progress is None:
        connection.execute(statement, {}, prepare=False)
        return
    pid = connection.info.backend_pid
    with ThreadPoolExecutor(1) as threads, database.connection() as watcher:
        build = threads.submit(connection.execute, statement, {}, prepare=False)
        try:
            while not wait([build], POLL_SECONDS).done:
                _tell(watcher, pid, progress)
        except BaseException:
            connection.cancel_safe()
            wait([build])
            raise
        build.result()
        progress("built", 1, 1)


def _tell(watcher: Connection, pid: int, progress: PhaseProgress) -> None:
    row = watcher.execute(query("indexes.progress"), {"pid": pid}).fetchone()
    if row is None:
        return
    phase, done, total, holder, seconds = row
    if holder:
        age = "" if seconds is None else f", {seconds:,.0f} s in its transaction"
        phase = f"{phase}: process {holder}{age}"
    progress(phase, int(done or 0), int(total or 0))
