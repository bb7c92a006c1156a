"""Running one stage in a thread while the next one works on its items."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

POLL_SECONDS = 0.1

JOIN_SECONDS = 5.0
"""How long a stopped stage is waited for. One that waits for its own input, such as a terminal, is
left behind, and ends with the program."""


class _End:
    """The last item of the queue: the stage is done, or failed with an error."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Stage(Generic[Item]):
    def __init__(self, items: Iterable[Item], ahead: int) -> None:
        self._items = items
        self._queue: queue.Queue[Item | _End] = queue.Queue(ahead)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="embeddb-stage", daemon=True)

    def __iter__(self) -> Iterator[Item]:
        self._thread.start()
        try:
            while not isinstance(item := self._queue.get(), _End):
                yield item
            if item.error is not None:
                raise item.error
        finally:
            self._stopped.set()
            self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        end = _End()
        items = iter(self._items)
        try:
            for item in items:
                if not self._put(item):
                    break
        except BaseException as error:
            end = _End(error)
        finally:
            close = getattr(items, "close", None)  # a generator: its own stages stop too
            if close is not None:
                close()
        self._put(end)

    def _put(self, item: Item | _End) -> bool:
        """Wait for a place in the queue; return False once nobody reads from it."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False


def prefetch(items: Iterable[Item], ahead: int = 1) -> Generator[Item, None, None]:
    """Yield the items in their order, computed in a thread up to `ahead` of the reader.

    An error of the stage is raised here after the items that came before it; closing the
    generator stops the thread.
    """
    yield from _Stage(items, ahead)
