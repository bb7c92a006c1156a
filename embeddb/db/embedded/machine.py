"""How much of the machine is ours: memory, processors, shared memory, containers included."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")
_SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What the server may use.

    Attributes:
        memory: bytes.
        shared: bytes that parallel workers can share; None where nothing but memory limits it.
        disk: bytes free where the data is.
    """

    memory: int
    cores: int
    shared: int | None
    disk: int


def measure(data_dir: Path) -> Machine:
    """Return the size of the machine, or of the container, that this process runs in."""
    folders = list(_cgroup_folders(_OWN_CGROUPS, _CGROUPS))
    return Machine(
        memory=min([psutil.virtual_memory().total, *memory_limits(folders)]),
        cores=min([_processors(), *processor_limits(folders)]),
        shared=shared_memory(),
        disk=shutil.disk_usage(data_dir).free,
    )


def available_memory() -> int:
    """Return the bytes of memory that are free, or can be freed; at most what the limits allow."""
    folders = list(_cgroup_folders(_OWN_CGROUPS, _CGROUPS))
    available: int = psutil.virtual_memory().available
    return min([available, *memory_limits(folders)])


def shared_memory() -> int | None:
    """Return the bytes that are free in /dev/shm; None where there is no such place."""
    return shutil.disk_usage(_SHARED_MEMORY).free if _SHARED_MEMORY.is_dir() else None


def memory_limits(folders: list[Path]) -> list[int]:
    """Return the bytes that control groups allow; version 1 spells no limit as a huge number."""
    files = [folder / name for folder in folders for name in ("memory.max", _V1_MEMORY)]
    return [int(text) for text in _texts(files) if text.isdigit() and int(text) > 0]


def processor_limits(folders: list[Path]) -> list[int]:
    """Return the limits that control groups set, a part of a processor counted as one."""
    limits = [text.split() for text in _texts([folder / "cpu.max" for folder in folders])]
    for folder in folders:
        quota = _texts([folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us"])
        limits.append(list(quota))
    return [
        max(1, math.ceil(int(limit[0]) / int(limit[1])))
        for limit in limits
        if len(limit) == 2 and limit[0].isdigit() and limit[1].isdigit()
    ]


_V1_MEMORY = "memory.limit_in_bytes"


def _cgroup_folders(own: Path, mount: Path) -> Iterator[Path]:
    """Yield this process's control groups and those above; inside a container, just the mount."""
    for line in next(_texts([own]), "").splitlines():
        _, controllers, path = line.split(":", 2)
        roots = [mount / name for name in controllers.split(",") if name] or [mount]
        for root in roots:
            folder = root / path.lstrip("/")
            yield from (place for place in (folder, *folder.parents) if place.is_relative_to(root))


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _texts(files: list[Path]) -> Iterator[str]:
    for file in files:
        try:
            yield file.read_text().strip()
        except OSError:
            continue
