"""Pauses double up to a cap, and are drawn at random."""

from __future__ import annotations

import random

import pytest

from embeddb.worker.backoff import Backoff, full_jitter


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (9, 60.0), (5000, 60.0)]
)
def test_the_longest_pause_doubles_up_to_the_cap(attempt: int, longest: float) -> None:
    pause = full_jitter(attempt, base_seconds=1, cap_seconds=60, chance=lambda: 1.0)
    assert pause == longest


def test_pauses_are_spread_over_the_whole_range() -> None:
    chance = random.Random(1).random
    pauses = [full_jitter(4, base_seconds=1, cap_seconds=60, chance=chance) for _ in range(2000)]
    assert 0 <= min(pauses) < 0.1
    assert 7.9 < max(pauses) <= 8
    assert 3.8 < sum(pauses) / len(pauses) < 4.2


def test_a_backoff_waits_longer_each_time_until_it_works() -> None:
    now = [100.0]
    backoff = Backoff(base_seconds=1, cap_seconds=8, clock=lambda: now[0], chance=lambda: 0.0)
    assert backoff.wait_seconds == 0
    assert [backoff.failed() for _ in range(6)] == [0.5, 1, 2, 4, 4, 4]
    assert backoff.wait_seconds == 4
    now[0] += 3
    assert backoff.wait_seconds == 1
    now[0] += 3
    assert backoff.wait_seconds == 0
    backoff.worked()
    assert backoff.failures == 0
    assert backoff.failed() == 0.5
