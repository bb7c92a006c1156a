"""The queue: one job for each row of a source whose chunks are not what they should be.

A worker claims jobs under a lease and a token, encodes outside any transaction, and finishes them
in the transaction that writes the chunks, fenced by token and version: whatever changed the row
meanwhile took the token away, and the work is thrown away. A worker that dies leaves its lease to
run out. A job is claimed by the attempts that it has behind it: the first time in a large lot, the
second time in a small one, and then alone, so that a row that kills its worker harms no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from psycopg import Cursor, sql
from psycopg.rows import TupleRow

from embeddb.db.database import Connection, Database
from embeddb.db.queries import Name, query

SECOND_LOT = 16
"""Jobs claimed together that were claimed once before: a share of a lot that killed its worker."""

ATTEMPTS_UNTIL_ALONE = 3
"""The attempt at which a job is claimed alone; only then is a dead worker the row's fault."""

MESSAGE_CHARACTERS = 2_000
"""What is kept of an error's text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A claimed job.

    Attributes:
        key: the row's primary key, as text.
        version: how often the row changed since the job was made.
        attempts: how often it was claimed, this time included.
        enqueued_at: when the row changed.
    """

    key: str
    version: int
    attempts: int
    enqueued_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """Jobs of one collection under one lease."""

    collection: int
    token: UUID
    jobs: tuple[Job, ...]

    @property
    def keys(self) -> list[str]:
        """Give the keys of the jobs."""
        return [job.key for job in self.jobs]


class JobFailure(NamedTuple):
    """Why a job failed: the name of an error's type, and what it says."""

    error: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueCounts:
    """What the queue holds of one collection.

    Attributes:
        waiting: jobs that may be claimed now.
        working: jobs under a lease.
        delayed: jobs put off after an error.
        failed: rows that are given up, until they change or are retried.
        oldest_seconds: the age of the oldest job; None: there is none.
        backfill_total, backfill_done: existing rows to enqueue, as estimated, and enqueued; None
            where the collection has no backfill.
    """

    id: int
    name: str
    waiting: int
    working: int
    delayed: int
    failed: int
    oldest_seconds: float | None
    last_error: str | None
    backfill_total: int | None
    backfill_done: int | None
    backfill_finished: bool

    @property
    def pending(self) -> int:
        """Count the jobs, in whatever state."""
        return self.waiting + self.working + self.delayed

    @property
    def backfill_left(self) -> int:
        """Estimate how many existing rows are not in the queue yet."""
        if self.backfill_finished:
            return 0
        return max(0, (self.backfill_total or 0) - (self.backfill_done or 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedJob:
    """A job as people see it."""

    collection: str
    key: str
    version: int
    attempts: int
    enqueued_at: datetime
    available_at: datetime
    state: str
    last_error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedJob:
    """A job that was given up."""

    collection: str
    key: str
    version: int
    attempts: int
    error: str
    message: str
    failed_at: datetime


class Jobs:
    """The queue of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables: dict[str, sql.Composable] = {
            table: Name(database.schema, table)
            for table in ("jobs", "failed_jobs", "collections", "backfills")
        }

    # what a worker does, on a connection of its own

    def collections(
        self, connection: Connection, names: Sequence[str] | None = None
    ) -> dict[int, str]:
        """Give the attached collections: names by id; `names` chooses among them."""
        rows = self._execute(connection, "collections", {"names": _list(names)}).fetchall()
        return {row[0]: row[1] for row in rows}

    def claim(
        self, connection: Connection, collection: int, *, limit: int, lease_seconds: float
    ) -> Claim | None:
        """Take the oldest jobs of a collection; None: none may be claimed now."""
        token = uuid4()
        values = {
            "collection": collection,
            "token": token,
            "limit": limit,
            "limit_second": min(limit, SECOND_LOT),
            "lease": timedelta(seconds=lease_seconds),
        }
        rows = self._execute(connection, "claim", values).fetchall()
        jobs = (
            Job(key=row[0], version=row[1], attempts=row[2], enqueued_at=row[3]) for row in rows
        )
        if not rows:
            return None
        ordered = sorted(jobs, key=lambda job: (job.enqueued_at, job.key))
        return Claim(collection=collection, token=token, jobs=tuple(ordered))

    def renew(
        self, connection: Connection, claim: Claim, keys: Sequence[str], lease_seconds: float
    ) -> int:
        """Prolong the lease of these jobs; give the number of those that still are claimed."""
        lease = timedelta(seconds=lease_seconds)
        return self._on(connection, "renew", claim, keys, lease=lease).rowcount

    def hold(self, connection: Connection, claim: Claim, keys: Sequence[str]) -> set[str]:
        """Lock those of the jobs that nobody changed, in the caller's transaction."""
        versions = {job.key: job.version for job in claim.jobs}
        rows = self._on(connection, "hold", claim, keys).fetchall()
        return {key for key, version in rows if versions[key] == version}

    def finish(self, connection: Connection, claim: Claim, keys: Sequence[str]) -> None:
        """Remove jobs that `hold` holds."""
        self._on(connection, "finish", claim, keys)

    def release(
        self,
        connection: Connection,
        claim: Claim,
        keys: Sequence[str],
        *,
        pause_seconds: float = 0.0,
        error: str | None = None,
    ) -> None:
        """Give jobs back, and the attempt too: it was not their fault."""
        pause = timedelta(seconds=pause_seconds)
        self._on(connection, "release", claim, keys, pause=pause, error=_cut(error))

    def retry_later(
        self,
        connection: Connection,
        claim: Claim,
        faults: Mapping[str, JobFailure],
        pauses: Mapping[str, float],
    ) -> int:
        """Put jobs off by their pauses in seconds; give the number that still were claimed."""
        keys = list(faults)
        return self._on(
            connection,
            "retry_later",
            claim,
            keys,
            pauses=[timedelta(seconds=pauses[key]) for key in keys],
            errors=[_cut(": ".join(faults[key])) for key in keys],
        ).rowcount

    def fail(self, connection: Connection, claim: Claim, faults: Mapping[str, JobFailure]) -> int:
        """Give jobs up; give the number that still were claimed."""
        keys = list(faults)
        return self._on(
            connection,
            "fail",
            claim,
            keys,
            errors=[faults[key].error for key in keys],
            messages=[_cut(faults[key].message) for key in keys],
        ).rowcount

    def note_error(self, connection: Connection, collection: int, error: str) -> None:
        """Say at the oldest job why none of a collection's jobs is being worked on."""
        self._execute(connection, "note_error", {"collection": collection, "error": _cut(error)})

    def pending(self, connection: Connection, collection: int, limit: int) -> int:
        """Count the jobs of a collection, up to a limit."""
        values = {"collection": collection, "limit": limit}
        row = self._execute(connection, "pending", values).fetchone()
        assert row is not None
        return int(row[0])

    def next_available(self, connection: Connection, collections: Sequence[int]) -> float | None:
        """Say in how many seconds there is something to claim; None: there is no job at all."""
        values = {"collections": list(collections)}
        row = self._execute(connection, "next_available", values).fetchone()
        return None if row is None else row[0]

    def counts_on(
        self, connection: Connection, names: Sequence[str] | None = None
    ) -> list[QueueCounts]:
        """Count what the queue holds, for each attached collection."""
        rows = self._execute(connection, "counts", {"names": _list(names)}).fetchall()
        return [_counts(row) for row in rows]

    # what a person asks

    def counts(self, names: Sequence[str] | None = None) -> list[QueueCounts]:
        """Count what the queue holds, for each attached collection."""
        with self._database.connection() as connection:
            return self.counts_on(connection, names)

    def queued(self, collection: str | None = None, limit: int = 100) -> list[QueuedJob]:
        """Give jobs in the order in which they will be claimed."""
        values = {"name": collection, "limit": limit}
        with self._database.connection() as connection:
            rows = self._execute(connection, "queued", values).fetchall()
        return [
            QueuedJob(
                collection=row[0],
                key=row[1],
                version=row[2],
                attempts=row[3],
                enqueued_at=row[4],
                available_at=row[5],
                state=row[6],
                last_error=row[7],
            )
            for row in rows
        ]

    def failed(self, collection: str | None = None, limit: int = 100) -> list[FailedJob]:
        """Give the jobs that were given up, the latest first."""
        values = {"name": collection, "limit": limit}
        with self._database.connection() as connection:
            rows = self._execute(connection, "failed", values).fetchall()
        return [
            FailedJob(
                collection=row[0],
                key=row[1],
                version=row[2],
                attempts=row[3],
                error=row[4],
                message=row[5],
                failed_at=row[6],
            )
            for row in rows
        ]

    def revive(self, collection: str | None = None, keys: Sequence[str] | None = None) -> int:
        """Put failed jobs back into the queue; None: all of them. Give their number."""
        with self._database.transaction() as connection:
            values = {"name": collection, "keys": _list(keys)}
            rows = self._execute(connection, "revive", values).fetchall()
        return sum(row[1] for row in rows)

    def purge(self, collection: str | None = None, keys: Sequence[str] | None = None) -> int:
        """Forget failed jobs; None: all of them. Give their number."""
        with self._database.transaction() as connection:
            values = {"name": collection, "keys": _list(keys)}
            return self._execute(connection, "purge", values).rowcount

    def _on(
        self,
        connection: Connection,
        name: str,
        claim: Claim,
        keys: Sequence[str],
        **values: object,
    ) -> Cursor[TupleRow]:
        given = {"collection": claim.collection, "token": claim.token, "keys": list(keys)}
        return self._execute(connection, name, given | values)

    def _execute(
        self, connection: Connection, name: str, values: dict[str, Any]
    ) -> Cursor[TupleRow]:
        return connection.execute(query("jobs." + name, **self._tables), values)


def _counts(row: tuple[Any, ...]) -> QueueCounts:
    return QueueCounts(
        id=row[0],
        name=row[1],
        waiting=row[2],
        working=row[3],
        delayed=row[4],
        failed=row[5],
        oldest_seconds=row[6],
        last_error=row[7],
        backfill_total=row[8],
        backfill_done=row[9],
        backfill_finished=bool(row[10]),
    )


def _cut(text: str | None) -> str | None:
    """Keep the beginning of an error's text, and nothing that Postgres cannot store."""
    if text is None:
        return None
    return text[:MESSAGE_CHARACTERS].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _list(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else list(names)
