"""`embeddb migrate`: embeddb's own schema."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.failure import FAILED
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.options import Yes, confirm
from embeddb.cli.common.output import emit
from embeddb.config import Settings

if TYPE_CHECKING:
    from embeddb.db.database import Database


@with_groups
def migrate(
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Change nothing; exit with 1 if the schema is not up to date."
        ),
    ] = False,
    sql: Annotated[
        bool,
        typer.Option(
            "--sql", help="Print the SQL for an administrator to run; no server is asked."
        ),
    ] = False,
    transaction: Annotated[
        bool,
        typer.Option(
            "--transaction/--no-transaction",
            help="With `--sql`: whether it begins and commits by itself. Most tools that run "
            "migrations do that for you.",
        ),
    ] = True,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="REV",
            help="The revision to go to, up or down. `base` removes everything, after asking.",
        ),
    ] = "head",
    yes: Yes = False,
    ctx: CommandContext,
) -> None:
    """Bring embeddb's own schema up to date.

    Many processes may run this at once: one applies what is missing, and the others wait for it.
    """
    if not to.strip():
        raise typer.BadParameter("It takes a revision, `head` or `base`.", param_hint="--to")
    if sql:
        _print_sql(ctx, to, transaction=transaction)
        return
    with ctx.database(migrated=False) as database:
        if check:
            _check(ctx, database)
        else:
            _migrate(ctx, database, to, yes=yes)


def _print_sql(ctx: CommandContext, to: str, *, transaction: bool) -> None:
    from embeddb.db.migrate import offline_sql

    if to == "base":
        raise typer.BadParameter("--sql writes upgrades only.", param_hint="--to")
    schema = ctx.schema or Settings.from_environment().schema
    text = offline_sql(schema, to, transactional=transaction)
    if ctx.as_json:
        emit({"sql": text})
    else:
        sys.stdout.write(text)


def _check(ctx: CommandContext, database: Database) -> None:
    from embeddb.db.migrate import head

    found, wanted = _revision(database), head()
    if found == wanted:
        text = f"Schema {database.schema} is at revision {found}, the newest."
    else:
        text = (
            f"Schema {database.schema} is at revision {found or 'none'}, and the newest is "
            f"{wanted}: run `embeddb migrate`."
        )
    ctx.print({"revision": found, "head": wanted, "current": found == wanted}, text)
    if found != wanted:
        raise typer.Exit(FAILED)


def _migrate(ctx: CommandContext, database: Database, to: str, *, yes: bool) -> None:
    from embeddb.db.migrate import is_downgrade
    from embeddb.store import migrate_database

    if is_downgrade(_revision(database), to):
        confirm(f"Go down to {to}, removing tables of schema {database.schema}?", yes=yes)
    result = migrate_database(database, to)
    before, after = result.before or "none", result.after or "none"
    if before == after:
        text = f"Schema {database.schema} is at revision {after} already."
    else:
        text = f"Schema {database.schema} went from revision {before} to {after}."
    ctx.print(result, text)


def _revision(database: Database) -> str | None:
    from embeddb.db.database import describe_server

    with database.dedicated() as connection:
        return describe_server(connection, database.schema).migration
