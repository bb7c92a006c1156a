"""What a build gets from the server, and how far it is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from embeddb.alembic.vector_indexes.definition import VectorIndex
from embeddb.db.queries import statement
from embeddb.schema.distances import Distance
from embeddb.schema.index_rules import MAX_INDEX_DIM, Indexed
from embeddb.schema.index_sizes import build_bytes
from embeddb.schema.indexes import HNSW, IndexSpec, IVFFlat

log = logging.getLogger("embeddb.alembic")

ROWS_PER_WORKER = 50_000
"""A parallel worker is worth its start for so many rows."""

TELL_SECONDS = 5.0
"""How often the progress of a build is logged."""

_NO_LIMITS = ("statement_timeout", "lock_timeout")


class _Limits(NamedTuple):
    """Kilobytes of memory and of the server's cache; parallel workers now, and at most."""

    memory: int
    cache: int
    workers: int
    most_workers: int


@contextmanager
def granted(connection: Connection, index: VectorIndex, *, local: bool) -> Iterator[None]:
    """Give a build memory, parallel workers and time, by an estimate, and take them back."""
    before: dict[str, str] = {}
    for name, value in _wishes(connection, index, timeless=not local).items():
        asked = {"name": name}
        before[name] = connection.execute(statement("vector_indexes.setting"), asked).scalar_one()
        _set(connection, name, value, local=local)
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):  # the build has failed, and its transaction with it
            for name, value in before.items():
                _set(connection, name, value, local=local)


def _wishes(connection: Connection, index: VectorIndex, *, timeless: bool) -> dict[str, str]:
    wishes = dict.fromkeys(_NO_LIMITS, "0") if timeless else {}
    named = {
        "schema": index.schema,
        "table": index.table,
        "column": index.on if index.is_column else None,
    }
    row = connection.execute(statement("vector_indexes.table"), named).first()
    if row is None or row[1] < 1:
        return wishes
    rows, dim = row[1], index.cast_dim or row[2]
    limits = _Limits(*connection.execute(statement("vector_indexes.limits")).one())
    workers = min(limits.most_workers, rows // ROWS_PER_WORKER)
    if workers > limits.workers:
        wishes["max_parallel_maintenance_workers"] = str(workers)
    if index.stored_as in MAX_INDEX_DIM and dim is not None and dim > 0:
        held = Indexed(type=index.stored_as or "", dim=dim, distance=Distance.L2)
        memory = min(build_bytes(held, _spec(index), rows) // 1024, limits.cache // 4)
        if memory > limits.memory:
            wishes["maintenance_work_mem"] = f"{memory}kB"
            log.info("Building %s on about %s rows with %s kB", index.name, rows, memory)
    return wishes


def _spec(index: VectorIndex) -> IndexSpec:
    options = index.built_with
    if index.method == "hnsw":
        return HNSW(m=options["m"], ef_construction=options["ef_construction"])
    return IVFFlat(lists=options["lists"])


def _set(connection: Connection, name: str, value: str, *, local: bool) -> None:
    given = {"name": name, "value": value, "local": local}
    connection.execute(statement("vector_indexes.give"), given)


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
        watcher.join(TELL_SECONDS)


def _watch(connection: Connection, pid: int, index: VectorIndex, done: threading.Event) -> None:
    with suppress(SQLAlchemyError):
        while not done.wait(TELL_SECONDS):
            with connection.engine.connect() as other:
                row = other.execute(statement("indexes.progress"), {"pid": pid}).first()
            if row is not None:
                total = f"{row[1]:,} of {row[2]:,}" if row[2] else f"{row[1] or 0:,}"
                log.info("%s: %s, %s", index.name, row[0], total)
