"""What embeddb did otherwise than it was told, as notes on stderr and in JSON."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.text import Text

from embeddb.cli.common.output import err
from embeddb.errors import EmbedDBWarning

_noted: list[str] = []


@contextmanager
def noting() -> Iterator[None]:
    """Show embeddb's warnings as notes, without the file that they came from."""
    before = warnings.showwarning
    _noted.clear()

    def show(message: Warning | str, category: type[Warning], *place: Any) -> None:  # noqa: ANN401
        if issubclass(category, EmbedDBWarning):
            note(str(message))
        else:
            before(message, category, *place)

    with warnings.catch_warnings():
        warnings.simplefilter("always", EmbedDBWarning)
        warnings.showwarning = show  # type: ignore[assignment]  # called with what `before` takes
        yield


def note(text: str) -> None:
    """Write a note to stderr, and keep it for `notes`."""
    _noted.append(text)
    err.print(Text.assemble(("note: ", "bold yellow"), text), soft_wrap=True)


def notes() -> list[str]:
    """Give what was noted while the command ran."""
    return list(_noted)
