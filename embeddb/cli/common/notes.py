"""embeddb's warnings, shown as notes on stderr and repeated in JSON."""

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
    """Show embeddb's warnings as notes, without the file and the line that they came from."""
    before = warnings.showwarning
    _noted.clear()

    def show(message: Warning | str, category: type[Warning], *place: Any) -> None:  # noqa: ANN401
        if issubclass(category, EmbedDBWarning):
            _note(str(message))
        else:
            before(message, category, *place)

    with warnings.catch_warnings():
        warnings.simplefilter("always", EmbedDBWarning)
        warnings.showwarning = show  # type: ignore[assignment]  # called with what `before` takes
        yield


def notes() -> list[str]:
    """Return what was noted since the command began."""
    return list(_noted)


def _note(text: str) -> None:
    _noted.append(text)
    err.print(Text.assemble(("note: ", "bold yellow"), text), soft_wrap=True)
