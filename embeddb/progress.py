"""Progress bars for people: one for documents, one for the index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text


class Display(Protocol):
    """Shows how far a run has come."""

    def documents(self, done: float, total: int | None) -> None:
        """Show how many documents are done; one that is being encoded counts in part."""
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
            TimeRemainingColumn(),
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
    """Shows steps per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")
