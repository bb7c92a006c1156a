"""A stage that runs ahead in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from embeddb.pipeline.ingest.prefetch import prefetch


def test_items_come_in_their_order() -> None:
    assert list(prefetch(range(1000), ahead=3)) == list(range(1000))
    assert list(prefetch([])) == []


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken")

    stage = prefetch(items())
    assert [next(stage), next(stage)] == [1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(stage)


def test_a_stage_runs_no_further_ahead_than_told() -> None:
    read = 0
    steps = threading.Semaphore(0)

    def items() -> Iterator[int]:
        nonlocal read
        for number in range(100):
            read = number
            steps.release()
            yield number

    stage = prefetch(items(), ahead=2)
    for expected in range(20):
        assert next(stage) == expected
        assert read <= expected + 4  # one taken, two waiting, one in the hand
    stage.close()


def test_closing_stops_the_thread_and_the_stages_before_it() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(10**9)
        finally:
            closed.set()

    stage = prefetch(prefetch(items()))
    assert next(stage) == 0
    before = threading.active_count()
    stage.close()
    assert closed.is_set()
    assert threading.active_count() == before - 2


def test_a_stage_that_is_never_read_starts_nothing() -> None:
    before = threading.active_count()
    prefetch(range(5)).close()
    assert threading.active_count() == before
