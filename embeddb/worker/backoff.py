"""How long to wait after a failure: twice as long each time, and never all at the same moment."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

MAX_DOUBLINGS = 60
"""2.0 to the power of 1024 is no float any more; 2 to the power of 60 is beyond any cap."""


def full_jitter(
    attempt: int,
    *,
    base_seconds: float,
    cap_seconds: float,
    chance: Callable[[], float] = random.random,
) -> float:
    """Return a random pause in seconds, between 0 and `longest_pause` of the attempt."""
    return chance() * longest_pause(attempt, base_seconds=base_seconds, cap_seconds=cap_seconds)


def longest_pause(attempt: int, *, base_seconds: float, cap_seconds: float) -> float:
    """Return the longest pause after attempt 1, 2, 3, …: base, 2 base, 4 base, … up to the cap."""
    return min(cap_seconds, base_seconds * 2.0 ** min(attempt - 1, MAX_DOUBLINGS))


class Backoff:
    """The pauses of something that is tried again until it works."""

    def __init__(
        self,
        *,
        base_seconds: float,
        cap_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._base = base_seconds
        self._cap = cap_seconds
        self._clock = clock
        self._chance = chance
        self._until = 0.0
        self.failures = 0
        """Failures since it last worked."""

    @property
    def wait_seconds(self) -> float:
        """Seconds until the next try; 0: now."""
        return max(0.0, self._until - self._clock())

    def failed(self) -> float:
        """Note a failure; return the pause in seconds that follows.

        Half of it is certain, so that something that fails at once is not tried again at once; the
        other half is random, so that several workers do not try at the same moment.
        """
        self.failures += 1
        longest = longest_pause(self.failures, base_seconds=self._base, cap_seconds=self._cap)
        pause = (longest + self._chance() * longest) / 2
        self._until = self._clock() + pause
        return pause

    def worked(self) -> None:
        """Note that it works."""
        self.failures = 0
        self._until = 0.0
