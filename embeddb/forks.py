"""What a process that was forked must not share with its parent.

A child of `os.fork()` has every object of its parent, but none of its threads, and shares its
sockets. Whoever holds a connection, a thread or a lock says here how a child makes it its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary, WeakSet

import psycopg

Owner = TypeVar("Owner")

_renewals: WeakKeyDictionary[object, Callable[[Any], None]] = WeakKeyDictionary()
_connections: WeakSet[psycopg.Connection[Any]] = WeakSet()
_lost_threads = False
"""Whether the parent may have had threads of PyTorch's, which this process does not have."""


def renewed_in_child(owner: Owner, renew: Callable[[Owner], None]) -> None:
    """Have `renew(owner)` called in every child that is forked while `owner` is in use.

    Args:
        owner: holds something of this process; it is not kept alive by this.
        renew: puts something of the child's in its place. It runs before any other code of the
            child, so it must be quick, and must take no lock that another thread may have held.
    """
    _renewals[owner] = cast("Callable[[Any], None]", renew)


def closed_in_child(connection: psycopg.Connection[Any]) -> None:
    """Have the connection closed in every child that is forked while it is open.

    The parent's session goes on, and the child neither sends a word over it nor keeps it open
    when the parent ends.
    """
    _connections.add(connection)


class ProcessLock:
    """A lock that is free in a child, whichever thread of the parent held it at the fork."""

    def __init__(self) -> None:
        self._lock = Lock()
        renewed_in_child(self, ProcessLock._renew)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        if self._lock.locked():  # not in a child that was forked inside of the block
            self._lock.release()

    def _renew(self) -> None:
        self._lock = Lock()


def keep_torch_alive() -> None:
    """Let PyTorch compute in a forked child, before it does: with one thread.

    With more it would hand work to threads that only the parent has, and wait for ever. It is
    called each time, because the number of threads is a setting of the thread that computes.
    """
    if _lost_threads:
        import torch

        torch.set_num_threads(1)


def _renew_all() -> None:
    global _lost_threads
    _lost_threads = _lost_threads or "torch" in sys.modules
    _close(list(_connections))
    _connections.clear()
    for owner, renew in list(_renewals.items()):
        renew(owner)


def _close(connections: list[psycopg.Connection[Any]]) -> None:
    if not connections:
        return
    # what closing a connection sends must not reach the server, for whom it is the parent's
    nothing = os.open(os.devnull, os.O_RDWR)
    for connection in connections:
        with suppress(psycopg.Error, OSError):  # it was closed before
            os.dup2(nothing, connection.fileno(), inheritable=False)
            connection.close()
    os.close(nothing)


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_renew_all)
