"""The queue as its owner sees it: what waits to be encoded, and what was given up."""

from __future__ import annotations

from collections.abc import Sequence

from embeddb.db.database import Database
from embeddb.repository.catalog.reader import CatalogReader
from embeddb.repository.queue.jobs import FailedJob, Jobs, QueueCounts, QueuedJob


class JobQueue:
    """The queue of one database, of one collection or of all attached ones.

    A worker takes jobs from the queue; this only looks at them, and puts back or removes those
    that were given up. Every method raises CollectionNotFoundError for a name that is not there.
    """

    def __init__(self, database: Database) -> None:
        self._catalog = CatalogReader(database)
        self._jobs = Jobs(database)

    def counts(self, collection: str | None = None) -> list[QueueCounts]:
        """Return how many jobs each attached collection has, in each state.

        Args:
            collection: only this one; None: every one.
        """
        self._check(collection)
        return self._jobs.counts(None if collection is None else [collection])

    def queued(self, collection: str | None = None, limit: int = 100) -> list[QueuedJob]:
        """Return the jobs that are waiting, delayed or being worked on, the next one first.

        Args:
            collection: only this one's; None: those of every one.
            limit: how many jobs to return at most.
        """
        self._check(collection)
        return self._jobs.queued(collection, limit)

    def failed(self, collection: str | None = None, limit: int = 100) -> list[FailedJob]:
        """Return the rows that were given up after their last attempt, the latest first.

        Args:
            collection: only this one's; None: those of every one.
            limit: how many rows to return at most.
        """
        self._check(collection)
        return self._jobs.failed(collection, limit)

    def retry(self, collection: str | None = None, keys: Sequence[str] | None = None) -> int:
        """Put rows that were given up back into the queue, and return their number.

        Args:
            collection: only this one's; None: those of every one.
            keys: only the rows with these primary keys, written as text; None: all of them.
        """
        self._check(collection)
        return self._jobs.revive(collection, keys)

    def purge(self, collection: str | None = None, keys: Sequence[str] | None = None) -> int:
        """Remove rows from the list of those given up, and return their number.

        They have no chunks, so searches do not find them, until the rows change again.

        Args:
            collection: only this one's; None: those of every one.
            keys: only the rows with these primary keys, written as text; None: all of them.
        """
        self._check(collection)
        return self._jobs.purge(collection, keys)

    def _check(self, collection: str | None) -> None:
        if collection is not None:
            self._catalog.get(collection)
