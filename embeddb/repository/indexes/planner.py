"""What an index build is given: memory and parallel workers, from one estimate.

Every build asks here, whichever way it was started. The advice is pgvector's
(https://github.com/pgvector/pgvector#index-build-time): an HNSW graph that fits into
maintenance_work_mem is built many times faster than one that does not, and parallel workers share
the work. What the server is set to is never lowered, except that workers are left out where the
memory that they would share is not there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from embeddb.db.embedded import machine
from embeddb.schema.index_rules import Indexed
from embeddb.schema.index_sizes import build_bytes
from embeddb.schema.indexes import HNSW, IndexSpec

KB = 1024
MB = 1024**2

ROWS_PER_WORKER = 50_000
"""A parallel worker is worth its start for so many rows."""

MEMORY_PER_PROCESS = 32 * MB
"""Postgres starts a worker only where each process gets so much of maintenance_work_mem."""

SHARE_OF_CACHE = 4
"""A build may take this part of what the server believes to be its cache."""

SHARED_HEADROOM = 0.75
"""The part of shared memory that a build may fill: parallel queries need some, too."""

_SEGMENT = "/PostgreSQL."

MEMORY = "maintenance_work_mem"
WORKERS = "max_parallel_maintenance_workers"


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildLimits:
    """What a server allows a build.

    Attributes:
        memory: bytes of maintenance_work_mem, as it is set.
        cache: bytes that the server believes to be cache, its own and the system's.
        workers: parallel workers of a build, as it is set.
        most_workers: parallel workers that the server can have at all.
        available: bytes of memory that are free; None where the server is on another machine.
        shared: bytes that parallel workers can share; None where that is not known or not limited.
    """

    memory: int
    cache: int
    workers: int
    most_workers: int
    available: int | None = None
    shared: int | None = None


def limits_of(row: Sequence[Any]) -> BuildLimits:
    """Return the limits in a row of `indexes.build_limits`, and of this machine if local."""
    memory, cache, workers, most_workers, is_local, is_posix = row
    return BuildLimits(
        memory=memory,
        cache=cache,
        workers=workers,
        most_workers=most_workers,
        available=machine.available_memory() if is_local else None,
        shared=machine.shared_memory() if is_local and is_posix else None,
    )


def plan_build(
    index: IndexSpec, held: Indexed | None, rows: int, limits: BuildLimits
) -> dict[str, str]:
    """Return the settings of the session that builds an index; what suits already is left out.

    Args:
        index: what is built.
        held: what the index holds; None: not known, and its memory is left as it is set.
        rows: how many rows are indexed, about.
        limits: what the server lets a build have.
    """
    workers = max(limits.workers, min(limits.most_workers, rows // ROWS_PER_WORKER))
    memory = limits.memory
    if held is not None:
        helpers = min(workers, rows // ROWS_PER_WORKER)
        needed = max(build_bytes(held, index, rows), MEMORY_PER_PROCESS * (helpers + 1))
        ceiling = min(limits.cache // SHARE_OF_CACHE, limits.available or sys.maxsize)
        memory = max(memory, min(needed, ceiling))
    if isinstance(index, HNSW) and _is_too_much(memory, limits.shared):
        workers = 0  # alone it uses memory of its own, of which there is more
    chosen = {}
    if memory > limits.memory:
        chosen[MEMORY] = f"{memory // KB}kB"
    if workers != limits.workers:
        chosen[WORKERS] = str(workers)
    return chosen


def lacks_shared_memory(message: str) -> bool:
    """Return whether a build failed because its workers could not share enough memory.

    The error is that of a full disk, and its text is in the server's language; the name of the
    segment of shared memory is the same in all of them.
    """
    return _SEGMENT in message


def _is_too_much(memory: int, shared: int | None) -> bool:
    """Return whether the workers of an HNSW build, which share all of its memory, cannot have it.

    A build that finds /dev/shm full fails (https://github.com/pgvector/pgvector/issues/453).
    """
    return shared is not None and memory > shared * SHARED_HEADROOM
