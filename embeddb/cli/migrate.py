"""`embeddb migrate`: embeddb's own schema."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.failure import FAILED
from embeddb.cli.common.opening import opened_database
from embeddb.cli.common.options import AsJson, Dsn, Schema, Yes, confirm
from embeddb.cli.common.output import emit, err, say
from embeddb.config import Settings

if TYPE_CHECKING:
    from embeddb.db.database import Database


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if not at the newest revision.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL for an administrator; ask no server.")
    ] = False,
    to: Annotated[
        str, typer.Option("--to", metavar="REV", help="A revision, `head`, or `base` for none.")
    ] = "head",
    yes: Yes = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Bring embeddb's schema up to date; safe to run from many processes at once."""
    if sql:
        _print_sql(schema, to, as_json)
        return
    with opened_database(_url(dsn), schema) as database:
        if check:
            _check(database, as_json)
        else:
            _migrate(database, to, yes, as_json)


def _url(dsn: str | None) -> str:
    """Give the server's URL; the embedded one is started, its schema left to this command."""
    from embeddb.db import embedded

    settings = Settings.from_environment()
    if url := dsn or settings.dsn:
        return url
    with err.status("Opening the embedded server"):
        return embedded.start(settings.data_dir).url


def _print_sql(schema: str | None, to: str, as_json: bool) -> None:
    from embeddb.db.migrate import offline_sql

    if to == "base":
        raise typer.BadParameter("--sql writes upgrades only.", param_hint="--to")
    text = offline_sql(schema or Settings.from_environment().schema, to)
    if as_json:
        emit({"sql": text})
    else:
        sys.stdout.write(text)


def _check(database: Database, as_json: bool) -> None:
    from embeddb.db.migrate import head

    found, wanted = _revision(database), head()
    if as_json:
        emit({"revision": found, "head": wanted, "current": found == wanted})
    elif found == wanted:
        say(f"Schema {database.schema} is at revision {found}, the newest.")
    else:
        say(
            f"Schema {database.schema} is at revision {found or 'none'}, and the newest is "
            f"{wanted}: run `embeddb migrate`."
        )
    if found != wanted:
        raise typer.Exit(FAILED)


def _migrate(database: Database, to: str, yes: bool, as_json: bool) -> None:
    from embeddb.db.migrate import is_downgrade
    from embeddb.store import migrate_database

    if is_downgrade(_revision(database), to):
        confirm(f"Go down to {to}, removing tables of schema {database.schema}?", yes=yes)
    result = migrate_database(database, to)
    if as_json:
        emit(result)
    elif result.before == result.after:
        say(f"Schema {database.schema} is at revision {result.after or 'none'} already.")
    else:
        before, after = result.before or "none", result.after or "none"
        say(f"Schema {database.schema} went from revision {before} to {after}.")


def _revision(database: Database) -> str | None:
    from embeddb.db.database import describe_server

    with database.dedicated() as connection:
        return describe_server(connection, database.schema).migration
