"""What every command has: where it connects to, and how it prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from embeddb.cli.common.output import emit, err, say
from embeddb.config import Settings

if TYPE_CHECKING:
    from embeddb.db.database import Database
    from embeddb.store import Store

PANEL = "Connection and output"

Data = TypeVar("Data")


@dataclass(frozen=True, kw_only=True)
class Output:
    """Whether to print JSON."""

    as_json: Annotated[
        bool,
        typer.Option(
            "--json", rich_help_panel=PANEL, help="Print one JSON document instead of text."
        ),
    ] = False

    def print(self, data: Data, text: str | Callable[[Data], object]) -> None:
        """Print what a command has to tell.

        Args:
            data: what `--json` prints: records, dicts and lists of them.
            text: what is printed otherwise: a text, or a function that prints the data.
        """
        if self.as_json:
            emit(data)
        elif isinstance(text, str):
            say(text)
        else:
            text(data)


def _not_empty(value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise typer.BadParameter("It is empty: give a value, or leave the option out.")
    return value


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where to connect to."""

    dsn: Annotated[
        str | None,
        typer.Option(
            "--dsn",
            callback=_not_empty,
            metavar="URL",
            rich_help_panel=PANEL,
            help="The server to connect to. Default: `EMBEDDB_DSN`, or else the embedded server.",
        ),
    ] = None
    schema: Annotated[
        str | None,
        typer.Option(
            "--schema",
            callback=_not_empty,
            metavar="NAME",
            rich_help_panel=PANEL,
            help="The schema of embeddb's tables. Default: `EMBEDDB_SCHEMA`, or else `embeddb`.",
        ),
    ] = None

    def url(self, *, migrated: bool = True) -> str:
        """Return the server's URL; the embedded server is started if it is meant.

        Args:
            migrated: whether the schema on the embedded server is brought up to date, too.
        """
        settings = Settings.from_environment()
        if url := self.dsn or settings.dsn:
            from embeddb.db.address import libpq_address

            return libpq_address(url)
        with err.status("Opening the embedded server"):
            if not migrated:
                from embeddb.db import embedded

                return embedded.start(settings.data_dir).url
            from embeddb.store import start_embedded

            return start_embedded(settings, schema=self.schema)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the store for the block."""
        from embeddb.store import connect

        with connect(self.url(), schema=self.schema) as store:
            yield store

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[Database]:
        """Open the database for the block, whether embeddb's schema is there or not."""
        from embeddb.db.pooled import PooledDatabase

        schema = self.schema or Settings.from_environment().schema
        with closing(PooledDatabase(self.url(migrated=migrated), schema=schema)) as database:
            yield database


@dataclass(frozen=True, kw_only=True)
class CommandContext(Output, Server):
    """The options of every command that works on a database."""
