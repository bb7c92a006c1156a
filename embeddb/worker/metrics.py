"""What a worker has done: for its heartbeat, its metrics and its report."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Histogram

WINDOW_SECONDS = 60.0
"""The time that a rate is taken over."""

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class WorkerMetrics:
    """Counts by collection; every method may be called from any thread.

    Attributes:
        processed: the number of jobs whose chunks are written.
        failed: the number of jobs that were given up.
        retried: the number of failures of rows that were tried again.
        wasted: the number of documents that were encoded and had changed meanwhile.
        encoded: the number of texts that the models were given.
        registry: the same for Prometheus.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._started = clock()
        self._latest: dict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self.processed = self.failed = self.retried = self.wasted = self.encoded = 0
        self.registry = CollectorRegistry()
        self._jobs = Counter(
            "embeddb_worker_jobs",
            "Jobs by what became of them: done, retried, failed, wasted or released.",
            ["collection", "outcome"],
            registry=self.registry,
        )
        self._texts = Counter(
            "embeddb_worker_encoded_texts", "Texts encoded.", ["collection"], registry=self.registry
        )
        self._seconds = Histogram(
            "embeddb_worker_batch_seconds",
            "What a batch takes, by stage: prepare, encode, write.",
            ["collection", "stage"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._postponed = Counter(
            "embeddb_worker_postponed",
            "Times that a collection was postponed as a whole.",
            ["collection"],
            registry=self.registry,
        )
        # the name that it had in 0.1, for alerts that were written then
        self._troubles = Counter(
            "embeddb_worker_troubles",
            "The same as embeddb_worker_postponed, which takes its place.",
            ["collection"],
            registry=self.registry,
        )

    def done(self, collection: str, count: int) -> None:
        """Count jobs whose chunks are written."""
        with self._lock:
            self.processed += count
            self._latest[collection].append((self._clock(), count))
        self._jobs.labels(collection, "done").inc(count)

    def retry(self, collection: str, count: int) -> None:
        """Count jobs that failed and are to be tried again."""
        with self._lock:
            self.retried += count
        self._jobs.labels(collection, "retried").inc(count)

    def fail(self, collection: str, count: int) -> None:
        """Count jobs that are given up."""
        with self._lock:
            self.failed += count
        self._jobs.labels(collection, "failed").inc(count)

    def waste(self, collection: str, count: int) -> None:
        """Count documents that were encoded and had changed meanwhile."""
        with self._lock:
            self.wasted += count
        self._jobs.labels(collection, "wasted").inc(count)

    def release(self, collection: str, count: int) -> None:
        """Count jobs that are put back untouched."""
        self._jobs.labels(collection, "released").inc(count)

    def encode(self, collection: str, texts: int) -> None:
        """Count texts that the model was given."""
        with self._lock:
            self.encoded += texts
        self._texts.labels(collection).inc(texts)

    def observe(self, collection: str, stage: str, seconds: float) -> None:
        """Note how long a batch took in a stage: prepare, encode or write."""
        self._seconds.labels(collection, stage).observe(seconds)

    def postpone(self, collection: str) -> None:
        """Count that a collection was postponed as a whole."""
        self._postponed.labels(collection).inc()
        self._troubles.labels(collection).inc()

    def rates(self) -> dict[str, float]:
        """Return documents a minute, by collection, over the last minute."""
        now = self._clock()
        span = max(1.0, min(WINDOW_SECONDS, now - self._started))
        with self._lock:
            for entries in self._latest.values():
                while entries and entries[0][0] < now - WINDOW_SECONDS:
                    entries.popleft()
            return {
                name: round(sum(count for _, count in entries) * 60 / span, 1)
                for name, entries in self._latest.items()
            }
