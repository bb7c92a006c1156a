"""The vector index of a partitioned table: one of each partition, and one that they belong to.

Postgres cannot build an index of a partitioned table CONCURRENTLY. So the whole table's is begun
without the partitions, theirs are built one after the other, CONCURRENTLY, and attached to it; with
the last of them it is valid. https://www.postgresql.org/docs/current/ddl-partitioning.html
"""

from __future__ import annotations

import time

from psycopg import errors as pg
from psycopg import sql

from embeddb.db.database import Connection
from embeddb.db.queries import Name, query
from embeddb.protocols import PhaseProgress
from embeddb.schema.names import Tables

PATIENCE_MS = 1_000
PAUSE_SECONDS = 0.5
"""How long to wait for a lock that holds up everybody who comes after, and how long to let them go
before waiting again."""


def is_partitioned(connection: Connection, tables: Tables, name: str) -> bool:
    """Return whether there is an index of a partitioned table of that name."""
    values = {"schema": tables.schema, "name": name}
    row = connection.execute(query("indexes.is_partitioned"), values).fetchone()
    return bool(row and row[0])


def detached(connection: Connection, tables: Tables) -> list[str]:
    """Return the vector indexes of partitions that belong to no index of the whole table."""
    values = {"schema": tables.schema, "table": tables.chunks_name}
    return [row[0] for row in connection.execute(query("indexes.detached"), values)]


def attach(connection: Connection, tables: Tables, index: str, partition: str) -> None:
    """Attach the index of a partition to the whole table's."""
    statement = query(
        "indexes.attach",
        index=Name(tables.schema, index),
        partition=Name(tables.schema, partition),
    )
    patiently(connection, statement)


def patiently(connection: Connection, statement: sql.Composed) -> None:
    """Execute what needs a strong lock, waiting for it in short turns so that others get by."""
    limit = query("indexes.wait_for_lock")
    while True:
        connection.execute(limit, {"limit": str(PATIENCE_MS)})
        try:
            connection.execute(statement, {}, prepare=False)
            return
        except pg.LockNotAvailable:
            time.sleep(PAUSE_SECONDS)
        finally:
            if not connection.closed:
                connection.execute(limit, {"limit": "0"})


def counted(progress: PhaseProgress | None, number: int, count: int) -> PhaseProgress | None:
    """Return a progress that also tells which of how many partitions is being built."""
    if progress is None:
        return None
    report = progress

    def tell(phase: str, done: int, total: int) -> None:
        if (phase, number) != ("built", count):
            report(f"partition {number} of {count}: {phase}", done, total)
        else:
            report(phase, done, total)

    return tell
