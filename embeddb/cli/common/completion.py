"""What the shell completes: names of collections, as long as a server that runs knows them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import typer

from embeddb.config import Settings

SECONDS = 2
"""Nobody waits longer for a completion."""


def collection_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of collections that begin so; none where no server answers at once.

    The embedded server is asked if it runs, and never started.
    """
    with suppress(Exception):  # a shell shows whatever is raised here in the middle of a line
        return [name for name in _names(ctx.params) if name.startswith(incomplete)]
    return []


def _names(options: dict[str, Any]) -> Sequence[str]:
    from embeddb.repository.catalog.reader import read_names

    settings = Settings.from_environment()
    url = options.get("dsn") or settings.dsn or _running(settings)
    if url is None:
        return []
    return read_names(url, options.get("schema") or settings.schema, seconds=SECONDS)


def _running(settings: Settings) -> str | None:
    """Return the URL of the embedded server, if it runs."""
    from embeddb.db import embedded

    return embedded.status(settings.data_dir).url
