"""What the threads of one worker share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import TypeVar

from embeddb.db.database import Database
from embeddb.encoders.sentence_transformer import SentenceTransformerEncoder
from embeddb.errors import CollectionNotFoundError
from embeddb.protocols import Encoder
from embeddb.repository.queue.jobs import Claim, Jobs
from embeddb.worker.collection import WorkerCollection
from embeddb.worker.connection import ONCE_SECONDS, ReconnectingConnection
from embeddb.worker.failures import describe, loggable
from embeddb.worker.leases import Leases
from embeddb.worker.metrics import WorkerMetrics
from embeddb.worker.models import Models
from embeddb.worker.options import WorkerOptions

Result = TypeVar("Result")

log = logging.getLogger("embeddb.worker")


@dataclass(kw_only=True)
class WorkerContext:
    """What the threads of one worker share.

    Attributes:
        database: where the queue and the collections are.
        options: how to work.
        jobs: the queue.
        models: the models of the collections.
        leases: what is being worked on.
        metrics: what was done.
        stopping: set when no more jobs are to be claimed, and what is not being encoded is to be
            put back.
        wake: set when the worker's main thread has something to look at: the list of collections
            may have changed, or the worker is to stop.
        error: what the worker cannot go on after; it stops, and raises it.
        torch: the one thread that PyTorch computes in. In each thread that calls it PyTorch starts
            a pool of threads of its own, and those would fight for the processors.
    """

    database: Database
    options: WorkerOptions
    jobs: Jobs
    models: Models
    leases: Leases = field(default_factory=Leases)
    metrics: WorkerMetrics = field(default_factory=WorkerMetrics)
    stopping: Event = field(default_factory=Event)
    wake: Event = field(default_factory=Event)
    error: Exception | None = None
    torch: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="embeddb-encode")
    )

    def crash(self, error: Exception) -> None:
        """Stop the worker because of an error that no other try would mend."""
        if self.error is None:
            self.error = error
            log.critical("worker stops", extra={"error": loggable(error)})
        self.stopping.set()
        self.wake.set()

    def new_connection(self) -> ReconnectingConnection:
        """Return a connection for one thread, which opens it at its first use and closes it."""
        patience = ONCE_SECONDS if self.options.once else None
        return ReconnectingConnection(self.database, self.stopping, patience_seconds=patience)

    def compute(self, encoder: Encoder, work: Callable[[], Result]) -> Result:
        """Return what `work` returns, called in the thread in which the encoder computes."""
        if isinstance(encoder, SentenceTransformerEncoder):
            return self.torch.submit(work).result()
        return work()

    def release(
        self,
        connection: ReconnectingConnection,
        claim: Claim,
        keys: Sequence[str],
        *,
        pause_seconds: float = 0.0,
        error: str | None = None,
    ) -> None:
        """Put jobs back as if they had not been claimed, to be claimed after a pause."""
        if keys:
            connection.run(self.jobs.release, claim, keys, pause_seconds=pause_seconds, error=error)
            self.leases.settle(claim, keys)

    def postpone(
        self, connection: ReconnectingConnection, collection: WorkerCollection, error: Exception
    ) -> float:
        """Postpone a collection as a whole, and note why; return the pause in seconds."""
        if isinstance(error, CollectionNotFoundError):
            collection.gone = True
            self.wake.set()
        pause = collection.backoff.failed()
        if collection.error is None or self.options.once:
            log.error(
                "collection put off",
                extra={
                    "collection": collection.name,
                    "error": loggable(error),
                    "pause_seconds": round(pause, 1),
                },
            )
        collection.error = describe(error)
        collection.given_up = self.options.once
        self.metrics.postpone(collection.name)
        connection.run(self.jobs.note_error, collection.id, collection.error)
        return pause

    def recovered(self, collection: WorkerCollection) -> None:
        """Note that a collection is worked for again."""
        if collection.error is not None:
            log.info("collection taken up again", extra={"collection": collection.name})
        collection.error = None
        collection.backoff.worked()
