"""The recall that was measured, over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import sql
from psycopg.types.json import Jsonb

from embeddb.db.database import Database
from embeddb.db.queries import Name, query
from embeddb.schema import indexes
from embeddb.schema.catalog import CollectionRecord

FALLEN_BY = 0.02
"""Less than the best by so much is a fall; two samples of 200 queries differ by half of that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredRecall:
    """A line of the history.

    Attributes:
        settings: the index spec at the time, and how it was asked: `queries` and `truth` where
            they were the caller's, `target` where the settings were tuned for one, `reachable`
            where it was measured.
    """

    measured_at: datetime
    generation: int
    recall: float
    limit: int
    sample: int
    settings: Mapping[str, Any]

    @property
    def reachable(self) -> float | None:
        """The share of sampled rows that a search by their own vector found, if measured."""
        return self.settings.get("reachable")


class Unreached(NamedTuple):
    """A collection of whose rows too many are not found by their own vector.

    Attributes:
        reachable: the share that is found, as last measured with the index as it is.
        method: of the index.
    """

    collection: str
    reachable: float
    method: str


class Fallen(NamedTuple):
    """A collection whose recall fell.

    Attributes:
        before: the recall that it was tuned for, or the best with the settings that it has.
        now: the latest.
    """

    collection: str
    before: float
    now: float


class RecallHistory:
    """The table `recall_history`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names: dict[str, sql.Composable] = {
            table: Name(database.schema, table)
            for table in ("collections", "generations", "recall_history")
        }

    def add(
        self,
        record: CollectionRecord,
        *,
        recall: float,
        limit: int,
        sample: int,
        how: Mapping[str, Any],
    ) -> None:
        """Store a measurement of a generation, with the index of its record."""
        spec = indexes.to_json(record.generation.index) or {}
        asked = {name: value for name, value in how.items() if value or isinstance(value, float)}
        with self._database.transaction() as connection:
            connection.execute(
                query("recall.record", **self._names),
                {
                    "name": record.name,
                    "generation": record.generation.number,
                    "recall": recall,
                    "limit": limit,
                    "sample": sample,
                    "settings": Jsonb(spec | asked),
                },
            )

    def of(self, name: str, limit: int) -> list[MeasuredRecall]:
        """Return what was measured of a collection, the latest first."""
        with self._database.connection() as connection:
            rows = connection.execute(
                query("recall.history", **self._names), {"name": name, "limit": limit}
            ).fetchall()
        return [
            MeasuredRecall(
                measured_at=row[0],
                generation=row[1],
                recall=row[2],
                limit=row[3],
                sample=row[4],
                settings=row[5],
            )
            for row in rows
        ]

    def fallen(self) -> list[Fallen]:
        """Return the collections whose latest recall is too low.

        That is below the target that the collection was tuned for, or more than FALLEN_BY below
        the best of its active generation with the same settings.
        """
        with self._database.connection() as connection:
            rows = connection.execute(
                query("recall.fallen", **self._names), {"tolerance": FALLEN_BY}
            ).fetchall()
        return [Fallen(*row) for row in rows]

    def unreached(self, least: float) -> list[Unreached]:
        """Return the collections of which a smaller share than `least` is found by itself."""
        with self._database.connection() as connection:
            rows = connection.execute(
                query("recall.unreached", **self._names), {"least": least}
            ).fetchall()
        return [Unreached(*row) for row in rows]
