"""The workers of a database, as each reports itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, query

SILENCE_SECONDS = 300.0
"""How long a worker may be silent before its row is removed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerStatus:
    """What a worker reports of itself with each heartbeat.

    Attributes:
        collections: the names of those it works for; None: all that are attached.
        processed: the number of jobs that it finished.
        failed: the number of jobs that it gave up.
        wasted: the number of documents that it encoded for nothing: the row had changed meanwhile.
        rates: documents a minute, by collection.
    """

    id: UUID
    host: str
    pid: int
    version: str
    started_at: datetime
    collections: tuple[str, ...] | None
    processed: int
    failed: int
    wasted: int
    rates: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerInfo:
    """A worker that reported itself lately.

    Attributes:
        up_seconds: from its start to its last heartbeat.
        silent_seconds: since its last heartbeat.
    """

    id: UUID
    host: str
    pid: int
    version: str
    collections: tuple[str, ...] | None
    processed: int
    failed: int
    wasted: int
    rates: Mapping[str, float]
    up_seconds: float
    silent_seconds: float


class Workers:
    """The table of workers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table: dict[str, sql.Composable] = {"workers": Name(database.schema, "workers")}

    def report(self, connection: Connection, status: WorkerStatus) -> None:
        """Write down that a worker is alive, and remove those that have been silent for long."""
        values = {name: getattr(status, name) for name in WorkerStatus.__dataclass_fields__}
        values["collections"] = None if status.collections is None else list(status.collections)
        values["rates"] = Jsonb(dict(status.rates))
        connection.execute(query("workers.report", **self._table), values)
        silence = {"silence": timedelta(seconds=SILENCE_SECONDS)}
        connection.execute(query("workers.remove_silent", **self._table), silence)

    def remove(self, connection: Connection, id: UUID) -> None:
        """Remove a worker that has stopped."""
        connection.execute(query("workers.remove", **self._table), {"id": id})

    def all(self) -> Sequence[WorkerInfo]:
        """Return the workers that reported themselves lately, the oldest first."""
        with self._database.connection() as connection:
            rows = connection.execute(query("workers.list", **self._table), {}).fetchall()
        return [_info(row) for row in rows]


def _info(row: tuple[Any, ...]) -> WorkerInfo:
    return WorkerInfo(
        id=row[0],
        host=row[1],
        pid=row[2],
        version=row[3],
        collections=None if row[4] is None else tuple(row[4]),
        processed=row[5],
        failed=row[6],
        wasted=row[7],
        rates=row[8],
        up_seconds=row[9],
        silent_seconds=row[10],
    )
