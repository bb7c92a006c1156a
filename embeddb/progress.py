"""What a person sees while an ingest runs: one bar for documents, one for the index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Display(Protocol):
    """Hears how far a run has come."""

    def documents(self, done: float, total: int | None) -> None:
        """So many documents are written or being encoded (in fractions)."""
        ...

    def index(self, phase: str, done: int, total: int) -> None:
        """A build is in this phase; total 0 means unknown."""
        ...


class Silent:
    """Shows nothing."""

    def documents(self, done: float, total: int | None) -> None:
        """Take the news."""

    def index(self, phase: str, done: int, total: int) -> None:
        """Take the news."""


class Bars:
    """Progress bars with rate and time left, on stderr."""

    def __init__(self) -> None:
        self._progress = Progress(
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
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def documents(self, done: float, total: int | None) -> None:
        """Move the bar of documents."""
        if self._documents is None:
            self._documents = self._progress.add_task("ingest", total=None)
        self._progress.update(self._documents, completed=int(done), total=total)

    def index(self, phase: str, done: int, total: int) -> None:
        """Move the bar of the index."""
        if self._index is None:
            self._index = self._progress.add_task("index", total=None)
        self._progress.update(
            self._index, description="index: " + phase, completed=done, total=total or None
        )


@contextmanager
def shown(progress: bool) -> Iterator[Display]:
    """Show progress bars on stderr, or nothing."""
    if not progress:
        yield Silent()
        return
    with Bars() as bars:
        yield bars


class _Rate(ProgressColumn):
    """Documents a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")
