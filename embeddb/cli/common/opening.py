"""From options to an open store or database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from embeddb.cli.common.output import err
from embeddb.config import Settings

if TYPE_CHECKING:
    from embeddb.db.database import Database
    from embeddb.store import Store


def is_embedded(dsn: str | None) -> bool:
    """Say whether the embedded server is meant."""
    return not (dsn or Settings.from_environment().dsn)


def server_url(dsn: str | None, schema: str | None = None) -> str:
    """Give the server's URL; the embedded one is started, and its schema brought up to date."""
    from embeddb.store import start_embedded

    settings = Settings.from_environment()
    if url := dsn or settings.dsn:
        return url
    with err.status("Opening the embedded server"):
        return start_embedded(settings, schema=schema)


@contextmanager
def opened_store(dsn: str | None, schema: str | None) -> Iterator[Store]:
    """Open the store, and close it at the end of the block."""
    from embeddb.store import connect

    with connect(server_url(dsn, schema), schema=schema) as store:
        yield store


@contextmanager
def opened_database(url: str, schema: str | None) -> Iterator[Database]:
    """Open a database that may lack embeddb's schema."""
    from embeddb.db.pooled import PooledDatabase

    chosen = schema or Settings.from_environment().schema
    with closing(PooledDatabase(url, schema=chosen)) as database:
        yield database


def bring_up_to_date(url: str, schema: str | None) -> None:
    """Bring embeddb's schema to the newest revision, if it is not there."""
    from embeddb.store import migrate_database

    with opened_database(url, schema) as database:
        migrate_database(database)
