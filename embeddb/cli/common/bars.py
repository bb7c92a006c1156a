"""A progress bar on stderr, where somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from embeddb.cli.common.output import err


@contextmanager
def counting(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar for the block, and yield what moves it; without a terminal nothing is shown."""
    if not err.is_terminal:
        yield lambda done: None
        return
    from rich.progress import Progress

    with Progress(console=err, transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda done: progress.update(task, completed=done)
