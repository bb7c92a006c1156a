"""Where progress is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from embeddb.pipeline.display import Bars, Display, Silent


@contextmanager
def shown(progress: bool) -> Iterator[Display]:
    """Show progress bars on stderr, or nothing."""
    if not progress:
        yield Silent()
        return
    with Bars() as bars:
        yield bars
