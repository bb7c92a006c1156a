"""The claims that are being worked on, so that their leases can be renewed meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from uuid import UUID

from embeddb.repository.queue.jobs import Claim


class Leases:
    """Claims with their keys that are not settled yet; every method may be called from any thread.

    A job is settled when it was finished, given up or put back.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: dict[UUID, tuple[Claim, set[str]]] = {}

    def __len__(self) -> int:
        with self._lock:
            return sum(len(keys) for _, keys in self._open.values())

    def add(self, claim: Claim) -> None:
        """Take up a claim with all its keys."""
        with self._lock:
            self._open[claim.token] = (claim, set(claim.keys))

    def settle(self, claim: Claim, keys: Iterable[str]) -> None:
        """Let keys of a claim go; keys that were settled before do no harm."""
        with self._lock:
            entry = self._open.get(claim.token)
            if entry is None:
                return
            entry[1].difference_update(keys)
            if not entry[1]:
                del self._open[claim.token]

    def all(self) -> list[tuple[Claim, list[str]]]:
        """Return each claim that is being worked on, with its keys that are not settled, sorted."""
        with self._lock:
            return [(claim, sorted(keys)) for claim, keys in self._open.values()]
