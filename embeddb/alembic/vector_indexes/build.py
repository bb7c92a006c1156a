"""One build of a vector index: what it is given by the server, and how far it is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from embeddb.alembic.vector_indexes.definition import VectorIndex
from embeddb.db.queries import statement
from embeddb.repository.indexes.planner import MEMORY, WORKERS, limits_of, plan_build
from embeddb.schema.distances import Distance
from embeddb.schema.index_rules import MAX_INDEX_DIM, Indexed
from embeddb.schema.indexes import HNSW, IndexSpec, IVFFlat

log = logging.getLogger("embeddb.alembic")

PROGRESS_SECONDS = 5.0
"""How often the progress of a build is logged."""

_TIME_LIMITS = ("statement_timeout", "lock_timeout")


@contextmanager
def granted(connection: Connection, index: VectorIndex, *, local: bool) -> Iterator[None]:
    """Set the memory, the workers and the time limits of a build, and put them back afterwards.

    Args:
        connection: what the index is built on.
        index: the index.
        local: whether the settings are those of the transaction, which keeps its time limits.
    """
    settings = {} if local else dict.fromkeys(_TIME_LIMITS, "0")
    settings |= _plan(connection, index)
    before: dict[str, str] = {}
    for name in (*settings, WORKERS):
        row = connection.execute(statement("settings.get"), {"name": name})
        before[name] = row.scalar_one()
    for name, value in settings.items():
        _set(connection, name, value, local=local)
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):  # the build has failed, and its transaction with it
            for name, value in before.items():
                _set(connection, name, value, local=local)


def leave_workers_out(connection: Connection) -> None:
    """Have this session build alone: parallel workers share memory that there may not be."""
    _set(connection, WORKERS, "0", local=False)


def _plan(connection: Connection, index: VectorIndex) -> dict[str, str]:
    named = {
        "schema": index.schema,
        "table": index.table,
        "column": index.on if index.is_column else None,
    }
    row = connection.execute(statement("vector_indexes.table"), named).first()
    if row is None or row[1] < 1:  # without statistics there is nothing to estimate from
        return {}
    rows, dim = row[1], index.cast_dim or row[2]
    limits = limits_of(connection.execute(statement("indexes.build_limits")).one())
    settings = plan_build(_spec(index), _held(index, dim), rows, limits)
    if MEMORY in settings:
        log.info("Building %s on about %s rows with %s", index.name, rows, settings[MEMORY])
    return settings


def _held(index: VectorIndex, dim: int | None) -> Indexed | None:
    if index.stored_as not in MAX_INDEX_DIM or dim is None or dim < 1:
        return None
    # how much memory it takes does not depend on the distance
    return Indexed(type=index.stored_as, dim=dim, distance=Distance.L2)


def _spec(index: VectorIndex) -> IndexSpec:
    options = index.built_with
    if index.method == "hnsw":
        return HNSW(m=options["m"], ef_construction=options["ef_construction"])
    return IVFFlat(lists=options["lists"])


def _set(connection: Connection, name: str, value: str, *, local: bool) -> None:
    change = {"name": name, "value": value, "local": local}
    connection.execute(statement("settings.set"), change)


@contextmanager
def watched(connection: Connection, index: VectorIndex) -> Iterator[None]:
    """Log how far a build is, as another connection sees it; where there can be none, nothing."""
    engine = connection.engine
    if engine.dialect.is_async or not isinstance(engine.pool, NullPool | QueuePool):
        yield
        return
    pid = connection.execute(statement("vector_indexes.own_pid")).scalar_one()
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(connection, pid, index, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join(PROGRESS_SECONDS)


def _watch(connection: Connection, pid: int, index: VectorIndex, done: threading.Event) -> None:
    with suppress(SQLAlchemyError):
        while not done.wait(PROGRESS_SECONDS):
            with connection.engine.connect() as other:
                row = other.execute(statement("indexes.progress"), {"pid": pid}).first()
            if row is not None:
                total = f"{row[1]:,} of {row[2]:,}" if row[2] else f"{row[1] or 0:,}"
                log.info("%s: %s, %s", index.name, row[0], total)
