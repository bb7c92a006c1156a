"""Settings for the machine at hand, in place of PostgreSQL's own, which suit a small one."""

from __future__ import annotations

from collections.abc import Mapping

from embeddb.db.embedded.machine import Machine

MB = 1024**2
GB = 1024**3

CONNECTIONS = 100

SHARED_HEADROOM = 0.75
"""The part of shared memory that one index build may fill: queries need some, too."""

_HEADER = """\
# Written by embeddb at each start of the server: do not edit.
# Put settings of your own into user.conf beside this file; they are read after these.
"""


def settings(machine: Machine) -> dict[str, str]:
    """Return sizes for vector search: much cache, and room for a whole HNSW graph in a build."""
    cores = machine.cores
    maintenance = _between(64 * MB, machine.memory // 8, 8 * GB)
    return _sharing(machine, maintenance) | {
        "max_connections": str(CONNECTIONS),
        "shared_buffers": _size(_between(32 * MB, machine.memory // 4, 8 * GB)),
        "effective_cache_size": _size(machine.memory // 2),
        "work_mem": _size(_between(4 * MB, machine.memory // 256, 64 * MB)),
        "maintenance_work_mem": _size(maintenance),
        "autovacuum_work_mem": _size(min(maintenance, 256 * MB)),
        "max_worker_processes": str(cores + 8),
        "max_parallel_workers": str(cores),
        "max_parallel_workers_per_gather": str(min(cores // 2, 4)),
        # The process that builds an index works beside its workers.
        "max_parallel_maintenance_workers": str(min(cores - 1, 15)),
        "max_wal_size": _size(_between(GB, machine.disk // 20, 8 * GB)),
        "checkpoint_timeout": "15min",
        # Reading a page at random costs little more than in order: solid-state disks.
        "random_page_cost": "1.1",
        # Compiling a query costs more than a search takes.
        "jit": "off",
    }


def _sharing(machine: Machine, needed: int) -> dict[str, str]:
    """Return what makes room for the graph that the workers of a parallel index build share.

    PostgreSQL takes it from /dev/shm, 64 MB in a default container; a build that finds that full
    fails (pgvector issue 453), and one that has to stay below takes four times as long
    (150,000 vectors of 128 dims: 591 s against 151 s). The older way of sharing has no such limit.
    """
    if machine.shared is None or machine.shared * SHARED_HEADROOM >= needed:
        return {}
    return {"dynamic_shared_memory_type": "sysv"}


def render(values: Mapping[str, str]) -> str:
    """Return settings as a configuration file."""
    lines = [f"{name} = {_quoted(value)}\n" for name, value in values.items()]
    return _HEADER + "".join(lines)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _between(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))


def _size(amount: int) -> str:
    return f"{max(amount // MB, 1)}MB"
