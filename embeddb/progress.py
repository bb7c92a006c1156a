"""Progress bars for people: one for documents, one for the index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text


class Display(Protocol):
    """Shows how far a run has come."""

    def documents(self, done: float, total: int | None) -> None:
        """Show how many documents are written, or need not be."""
        ...

    def index(self, phase: str, done: int, total: int) -> None:
        """Show how far a phase of a build is; a total of 0 means unknown."""
        ...


class Silent:
    """Shows nothing."""

    def documents(self, done: float, total: int | None) -> None:
        """Show nothing."""

    def index(self, phase: str, done: int, total: int) -> None:
        """Show nothing."""


class Bars:
    """Progress bars with rate and time left, on stderr."""

    def __init__(self) -> None:
        self._bars = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            _Left(),
            console=Console(stderr=True),
        )
        self._documents: TaskID | None = None
        self._index: TaskID | None = None

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def documents(self, done: float, total: int | None) -> None:
        """Move the bar of documents, which appears with the first call."""
        if self._documents is None:
            self._documents = self._bars.add_task("ingest", total=None)
        self._bars.update(self._documents, completed=int(done), total=total)

    def index(self, phase: str, done: int, total: int) -> None:
        """Move the bar of the index, which appears with the first call."""
        if self._index is None:
            self._index = self._bars.add_task("index", total=None)
        self._bars.update(
            self._index, description="index: " + phase, completed=done, total=total or None
        )


@contextmanager
def shown(progress: bool) -> Iterator[Display]:
    """Yield progress bars on stderr, or a display that shows nothing."""
    if not progress:
        yield Silent()
        return
    with Bars() as bars:
        yield bars


class _Rate(ProgressColumn):
    """Shows steps per second, from the first step on."""

    def render(self, task: Task) -> Text:
        speed = _speed(task)
        if speed is None:
            return Text("")
        return Text(f"{speed:,.{0 if speed >= 10 else 1}f}/s", style="progress.data.speed")


class _Left(ProgressColumn):
    """Shows how long the rest will take, where its size is known."""

    def render(self, task: Task) -> Text:
        speed = _speed(task)
        left = None if speed is None or task.total is None else task.total - task.completed
        if speed is None or left is None:
            return Text("-:--:--", style="progress.remaining")
        return Text(str(timedelta(seconds=int(left / speed))), style="progress.remaining")


def _speed(task: Task) -> float | None:
    """Return steps per second: of late, or since the start where there are too few yet."""
    speed = task.finished_speed or task.speed
    if speed is None and task.completed and task.elapsed:
        speed = task.completed / task.elapsed
    return speed or None
