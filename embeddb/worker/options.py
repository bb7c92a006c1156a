"""How a worker is to work."""

from __future__ import annotations

from dataclasses import dataclass

from embeddb.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerOptions:
    """How a worker is to work; durations are in seconds.

    Attributes:
        once: do what there is to do, and end.
        concurrency: how many batches of one model are encoded at the same time. It is for
            endpoints that answer several requests at once; a model on this machine is used by one
            batch at a time.
        collections: the names of those to work for; None: all that are attached.
        poll_seconds: how often to look for jobs that no notification told of.
        lease_seconds: how long after a worker's death another one may claim its jobs. Leases are
            renewed while a batch is being worked on, however long that takes.
        max_attempts: how often a row is tried before it is given up.
        batch: how many jobs are claimed together.
        retry_seconds: the longest pause after the first failure; it doubles with each further one.
        longest_pause_seconds: where the doubling ends.
        reconcile_seconds: how long after one comparison of a collection with its table the next
            is made, by whichever worker comes first; 0: only when it is asked for.
        build_indexes: whether to build a missing vector index once a collection's rows are in.

    Raises:
        ConfigurationError: a number is too small.
    """

    once: bool = False
    concurrency: int = 1
    collections: tuple[str, ...] | None = None
    poll_seconds: float = 5.0
    lease_seconds: float = 60.0
    max_attempts: int = 5
    batch: int = 256
    retry_seconds: float = 1.0
    longest_pause_seconds: float = 300.0
    reconcile_seconds: float = 21_600.0
    build_indexes: bool = True

    def __post_init__(self) -> None:
        """Refuse numbers with which no work would be done."""
        for name in ("concurrency", "max_attempts", "batch"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be 1 or more, not {getattr(self, name)}.")
        for name in ("poll_seconds", "lease_seconds", "retry_seconds"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"{name} must be above 0, not {getattr(self, name)}.")
