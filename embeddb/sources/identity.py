"""What identifies a source from one run to the next: where its documents come from."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from embeddb.protocols import Identified
from embeddb.sources.sql import Query

FILE_SCHEME = "file://"


def identity_of(source: object) -> str | None:
    """Return the URI of a source: the same however its path is written, and without a password.

    A source may know its own (`Identified`). One with a `path` is the folder, file or glob there,
    symbolic links followed. What a program holds in memory, or reads from a pipe, has none.
    """
    if isinstance(source, Identified):
        return source.identity()
    if isinstance(source, Query):
        return _of_query(source)
    path = getattr(source, "path", None)
    if not isinstance(path, str | PathLike):
        return None
    text = str(path)
    return text if "://" in text else FILE_SCHEME + str(Path(text).expanduser().resolve())


def local_path(uri: str) -> Path | None:
    """Return the path of a URI that `identity_of` made of one; None for any other."""
    return Path(uri.removeprefix(FILE_SCHEME)) if uri.startswith(FILE_SCHEME) else None


def _of_query(source: Query) -> str | None:
    try:
        given = _parameters(source.database)
    except psycopg.Error:
        return None  # reading the source will explain it
    host, port = given.get("host") or given.get("hostaddr") or "localhost", given.get("port")
    database = given.get("dbname") or given.get("user") or ""
    return f"postgresql://{host}:{port or 5432}/{database}?{' '.join(source.query.split())}"


def _parameters(database: str | psycopg.Connection[Any]) -> dict[str, Any]:
    if isinstance(database, psycopg.Connection):
        return dict(database.info.get_parameters())
    return dict(conninfo_to_dict(database))
