"""What the threads of one worker share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import TypeVar

from embeddb.db.database import Connection
from embeddb.encoders.sentence_transformer import SentenceTransformerEncoder
from embeddb.errors import CollectionNotFoundError
from embeddb.protocols import Encoder
from embeddb.repository.queue.jobs import Claim, Jobs
from embeddb.store import Store
from embeddb.worker.collection import WorkerCollection
from embeddb.worker.connection import ONCE_SECONDS, ReconnectingConnection
from embeddb.worker.failures import loggable, told
from embeddb.worker.leases import Leases
from embeddb.worker.metrics import WorkerMetrics
from embeddb.worker.options import WorkerOptions

Result = TypeVar("Result")

log = logging.getLogger("embeddb.worker")


@dataclass(kw_only=True)
class WorkerContext:
    """What the threads of one worker share.

    Attributes:
        encoders: models that no name can load, by collection.
        stopping: no more jobs are claimed, and what is not being encoded is given back.
        news: set when the list of collections is to be read anew.
        error: what the worker cannot go on after; it stops.
        torch: the one thread that PyTorch computes in; each further one would start a pool of
            threads of its own, and they would fight for the processors.
    """

    store: Store
    options: WorkerOptions
    jobs: Jobs
    encoders: Mapping[str, Encoder] = field(default_factory=dict)
    leases: Leases = field(default_factory=Leases)
    counters: WorkerMetrics = field(default_factory=WorkerMetrics)
    stopping: Event = field(default_factory=Event)
    news: Event = field(default_factory=Event)
    error: Exception | None = None
    torch: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="embeddb-encode")
    )

    def crash(self, error: Exception) -> None:
        """Stop the worker for an error that no other try would mend."""
        if self.error is None:
            self.error = error
            log.critical("worker stops", extra={"error": loggable(error)})
        self.stopping.set()
        self.news.set()

    def link(self) -> ReconnectingConnection:
        """Make a connection for one thread."""
        patience = ONCE_SECONDS if self.options.once else None
        return ReconnectingConnection(self.store.database, self.stopping, patience_seconds=patience)

    def computing(self, encoder: Encoder, compute: Callable[[], Result]) -> Result:
        """Call what computes with an encoder, in the thread that it belongs in."""
        if isinstance(encoder, SentenceTransformerEncoder):
            return self.torch.submit(compute).result()
        return compute()

    def release(
        self,
        link: ReconnectingConnection,
        claim: Claim,
        keys: Sequence[str],
        *,
        pause_seconds: float = 0.0,
        error: str | None = None,
    ) -> None:
        """Give jobs back as if they had not been claimed."""
        if not keys:
            return

        def give_back(connection: Connection) -> None:
            self.jobs.release(connection, claim, keys, pause_seconds=pause_seconds, error=error)

        link.run(give_back)
        self.leases.settle(claim, keys)

    def trouble(
        self, link: ReconnectingConnection, member: WorkerCollection, error: Exception
    ) -> float:
        """Put a collection off as a whole, and say why; give the pause in seconds."""
        if isinstance(error, CollectionNotFoundError):
            member.gone = True
            self.news.set()
        pause = member.backoff.failed()
        if member.problem is None or self.options.once:
            log.error(
                "collection put off",
                extra={
                    "collection": member.name,
                    "error": loggable(error),
                    "pause_seconds": round(pause, 1),
                },
            )
        member.problem = told(error)
        member.given_up = self.options.once
        self.counters.trouble(member.name)
        problem = member.problem
        link.run(lambda connection: self.jobs.note_error(connection, member.id, problem))
        return pause

    def recovered(self, member: WorkerCollection) -> None:
        """Note that a collection is worked for again."""
        if member.problem is not None:
            log.info("collection taken up again", extra={"collection": member.name})
        member.problem = None
        member.backoff.worked()
