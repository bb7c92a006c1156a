"""How long to wait after a failure: twice as long each time, and never all at the same moment."""

from __future__ import annotations

import random
import time
from collections.abc import Callable


def full_jitter(
    attempt: int,
    *,
    base_seconds: float,
    cap_seconds: float,
    chance: Callable[[], float] = random.random,
) -> float:
    """Draw the pause after an attempt (1, 2, …): up to base, 2 base, 4 base, … and the cap."""
    # beyond 2**60 the factor is no float any more, and far beyond any cap
    factor = 2.0 ** min(attempt - 1, 60)
    return chance() * min(cap_seconds, base_seconds * factor)


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
        """Note a failure; give the pause that follows, half of it certain."""
        self.failures += 1
        drawn = full_jitter(
            self.failures, base_seconds=self._base, cap_seconds=self._cap, chance=self._chance
        )
        whole = min(self._cap, self._base * 2.0 ** min(self.failures - 1, 60))
        pause = (whole + drawn) / 2
        self._until = self._clock() + pause
        return pause

    def worked(self) -> None:
        """Note that it works."""
        self.failures = 0
        self._until = 0.0
