"""The workers that are at work on a database, as each tells of itself."""

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
"""How long a worker may be silent before it is forgotten."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """What a worker tells of itself.

    Attributes:
        collections: what it works for; None: all that are attached.
        processed: jobs finished; `failed` were given up, and the work for `wasted` was thrown
            away, because the row had changed meanwhile.
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
    """A worker that was heard of.

    Attributes:
        up_seconds: from its start to its last beat.
        silent_seconds: since its last beat.
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

    def beat(self, connection: Connection, beat: Beat) -> None:
        """Write down that a worker is alive, and forget those that are not."""
        values = {name: getattr(beat, name) for name in Beat.__dataclass_fields__}
        values["collections"] = None if beat.collections is None else list(beat.collections)
        values["rates"] = Jsonb(dict(beat.rates))
        connection.execute(query("workers.beat", **self._table), values)
        silence = {"silence": timedelta(seconds=SILENCE_SECONDS)}
        connection.execute(query("workers.sweep", **self._table), silence)

    def leave(self, connection: Connection, id: UUID) -> None:
        """Forget a worker that has stopped."""
        connection.execute(query("workers.leave", **self._table), {"id": id})

    def all(self) -> Sequence[WorkerInfo]:
        """Give the workers that were heard of lately."""
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
