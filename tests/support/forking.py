"""Running a function in a forked child, and what comes of it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.queues import Queue
from typing import Any, TypeVar

Argument = TypeVar("Argument")

PATIENCE_SECONDS = 60


def in_children(work: Callable[[Argument], object], *arguments: Argument) -> list[Any]:
    """Return what `work` returns in a forked child for each argument, all children at once.

    An error is returned as its class's name and message. A child that hangs fails the test.
    """
    context = multiprocessing.get_context("fork")
    answers: Queue[tuple[int, Any]] = context.Queue()

    def run(number: int, argument: Argument) -> None:
        try:
            answers.put((number, work(argument)))
        except Exception as error:
            answers.put((number, f"{type(error).__name__}: {error}"))

    children = [
        context.Process(target=run, args=(number, argument))
        for number, argument in enumerate(arguments)
    ]
    for child in children:
        child.start()
    try:
        found = dict(answers.get(timeout=PATIENCE_SECONDS) for _ in children)
        for child in children:
            child.join(PATIENCE_SECONDS)
            assert child.exitcode == 0, "a child did not end"
    finally:
        for child in children:
            child.kill()
    return [found[number] for number in range(len(children))]
