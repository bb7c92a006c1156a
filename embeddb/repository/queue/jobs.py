"""The queue: one job for each row of a source whose chunks are not what they should be.

A worker claims jobs under a lease and a token, encodes outside any transaction, and finishes the
jobs in the transaction that writes the chunks. Token and version are the fence: a change of the row
meanwhile takes the token away, and what was encoded of the row's old text is thrown away. If a
worker dies, its lease runs out, and another worker claims the jobs.

The number of attempts that a job has behind it decides how many are claimed together: many the
first time, few the second time, and then one alone. A row that kills its worker thus ends up alone,
and harms no other.
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
"""How many jobs are claimed together that were claimed once before.

Their worker may have died of one of them; in small lots that one is found sooner.
"""

ATTEMPTS_UNTIL_ALONE = 3
"""The attempt at which a job is claimed alone: only then is its row to blame for a dead worker."""

MESSAGE_CHARACTERS = 2_000
"""How much of an error's text is kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A claimed job.

    Attributes:
        key: the row's primary key, as text.
        version: the number of times that the row changed since the job was made.
        attempts: the number of times that the job was claimed, this time included.
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
        """The keys of the jobs, in the order in which their rows changed."""
        return [job.key for job in self.jobs]


class JobFailure(NamedTuple):
    """Why a job failed: the name of the error's type, and the error's message."""

    error: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueCounts:
    """What the queue holds of one collection.

    Attributes:
        waiting: the number of jobs that may be claimed now.
        working: the number of jobs under a lease.
        delayed: the number of jobs that wait for another try after an error.
        failed: the number of rows that were given up, until they change or are retried.
        oldest_seconds: the age of the oldest job; None where there is no job.
        last_error: why the latest row was given up, or else why jobs are delayed.
        backfill_total: the number of existing rows to enqueue, as estimated; None where the
            collection has no backfill.
        backfill_done: the number of existing rows that were enqueued.
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
        """The number of jobs, in whatever state."""
        return self.waiting + self.working + self.delayed

    @property
    def backfill_left(self) -> int:
        """The estimated number of existing rows that were not enqueued yet."""
        if self.backfill_finished:
            return 0
        return max(0, (self.backfill_total or 0) - (self.backfill_done or 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedJob:
    """A job as people see it; `state` is waiting, working or delayed."""

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
    """A job that was given up, and why."""

    collection: str
    key: str
    version: int
    attempts: int
    error: str
    message: str
    failed_at: datetime


class Jobs:
    """The queue of one database.

    The methods that take a connection are a worker's, which has one for each of its threads.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables: dict[str, sql.Composable] = {
            table: Name(database.schema, table)
            for table in ("jobs", "failed_jobs", "collections", "backfills")
        }

    def listen(self, connection: Connection) -> None:
        """Have this session notified of new jobs: each payload is the id of a collection."""
        self._execute(connection, "listen", {})

    def collections(
        self,
        connection: Connection,
        names: Sequence[str] | None = None,
        *,
        at_work: bool = False,
    ) -> dict[int, str]:
        """Return the names of the attached collections by id.

        Args:
            connection: where to read.
            names: chooses among them; None: all.
            at_work: whether to leave out those that are paused.
        """
        values = {"names": _list(names), "at_work": at_work}
        rows = self._execute(connection, "collections", values).fetchall()
        return {row[0]: row[1] for row in rows}

    def claim(
        self, connection: Connection, collection: int, *, limit: int, lease_seconds: float
    ) -> Claim | None:
        """Claim the oldest jobs of a collection.

        Args:
            connection: in autocommit mode, so that others see the claim at once.
            collection: its id.
            limit: the largest number of jobs to claim together.
            lease_seconds: how long the jobs are this worker's unless it renews them.

        Returns:
            The claim, or None where no job may be claimed now.
        """
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
        """Prolong the lease of these jobs; return the number of those that are still claimed."""
        lease = timedelta(seconds=lease_seconds)
        return self._of_claim(connection, "renew", claim, keys, lease=lease).rowcount

    def hold(self, connection: Connection, claim: Claim, keys: Sequence[str]) -> set[str]:
        """Lock the jobs that are still as they were claimed, in the caller's transaction.

        A job that changed meanwhile, or that somebody has locked and is about to change, is left
        out: this is the fence in front of every write.

        Returns:
            The keys of the locked jobs.
        """
        versions = {job.key: job.version for job in claim.jobs}
        rows = self._of_claim(connection, "hold", claim, keys).fetchall()
        return {key for key, version in rows if versions[key] == version}

    def finish(self, connection: Connection, claim: Claim, keys: Sequence[str]) -> None:
        """Remove jobs that `hold` locked, in the same transaction."""
        self._of_claim(connection, "finish", claim, keys)

    def release(
        self,
        connection: Connection,
        claim: Claim,
        keys: Sequence[str],
        *,
        pause_seconds: float = 0.0,
        error: str | None = None,
    ) -> None:
        """Put jobs back as if they had not been claimed: the attempt does not count.

        Args:
            connection: in autocommit mode.
            claim: the claim that they belong to.
            keys: which of its jobs.
            pause_seconds: how long nobody may claim them.
            error: why they were not finished, for whoever looks at the queue.
        """
        pause = timedelta(seconds=pause_seconds)
        self._of_claim(connection, "release", claim, keys, pause=pause, error=_cut(error))

    def retry_later(
        self,
        connection: Connection,
        claim: Claim,
        failures: Mapping[str, JobFailure],
        pauses: Mapping[str, float],
    ) -> int:
        """Put failed jobs back for another try.

        Args:
            connection: in autocommit mode.
            claim: the claim that they belong to.
            failures: why each job failed, by key.
            pauses: how many seconds nobody may claim each job, by key.

        Returns:
            The number of jobs that were still claimed.
        """
        keys = list(failures)
        return self._of_claim(
            connection,
            "retry_later",
            claim,
            keys,
            pauses=[timedelta(seconds=pauses[key]) for key in keys],
            errors=[_cut(": ".join(failures[key])) for key in keys],
        ).rowcount

    def fail(self, connection: Connection, claim: Claim, failures: Mapping[str, JobFailure]) -> int:
        """Move jobs to the failed ones; return the number of those that were still claimed."""
        keys = list(failures)
        return self._of_claim(
            connection,
            "fail",
            claim,
            keys,
            errors=[failures[key].error for key in keys],
            messages=[_cut(failures[key].message) for key in keys],
        ).rowcount

    def note_error(self, connection: Connection, collection: int, error: str) -> None:
        """Note at a collection's oldest job why nobody works on any of its jobs."""
        self._execute(connection, "note_error", {"collection": collection, "error": _cut(error)})

    def pending(self, connection: Connection, collection: int, limit: int) -> int:
        """Return the number of jobs of a collection, counted no further than a limit."""
        values = {"collection": collection, "limit": limit}
        row = self._execute(connection, "pending", values).fetchone()
        assert row is not None
        return int(row[0])

    def next_available(self, connection: Connection, collections: Sequence[int]) -> float | None:
        """Return in how many seconds a job may be claimed; None where there is no job at all."""
        values = {"collections": list(collections)}
        row = self._execute(connection, "next_available", values).fetchone()
        return None if row is None else row[0]

    def counts_on(
        self, connection: Connection, names: Sequence[str] | None = None
    ) -> list[QueueCounts]:
        """Return what the queue holds, for each attached collection, on the caller's connection."""
        rows = self._execute(connection, "counts", {"names": _list(names)}).fetchall()
        return [_counts(row) for row in rows]

    def counts(self, names: Sequence[str] | None = None) -> list[QueueCounts]:
        """Return what the queue holds, for each attached collection or those of these names."""
        with self._database.connection() as connection:
            return self.counts_on(connection, names)

    def queued(self, collection: str | None = None, limit: int = 100) -> list[QueuedJob]:
        """Return jobs in the order in which they will be claimed."""
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
        """Return the jobs that were given up, the latest first."""
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
        """Put failed jobs back into the queue; None stands for all. Return their number."""
        with self._database.transaction() as connection:
            values = {"name": collection, "keys": _list(keys)}
            rows = self._execute(connection, "revive", values).fetchall()
        return sum(row[1] for row in rows)

    def purge(self, collection: str | None = None, keys: Sequence[str] | None = None) -> int:
        """Remove failed jobs; None stands for all. Return their number."""
        with self._database.transaction() as connection:
            values = {"name": collection, "keys": _list(keys)}
            return self._execute(connection, "purge", values).rowcount

    def _of_claim(
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
    """Return the beginning of an error's text, without what Postgres cannot store."""
    if text is None:
        return None
    return text[:MESSAGE_CHARACTERS].replace("\0", "\N{REPLACEMENT CHARACTER}")


def _list(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else list(names)
