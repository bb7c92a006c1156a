"""`embeddb db …`: the embedded server, and psql on any server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.context import CommandContext, Output, Server
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.output import facts, out
from embeddb.config import Settings

if TYPE_CHECKING:
    from embeddb.db.embedded import ServerStatus

app = typer.Typer(
    no_args_is_help=True,
    help="Start and stop the embedded server; open psql on any server.",
)


@app.command()
@with_groups
def start(*, output: Output) -> None:
    """Start the embedded server if it is not running, and bring its schema up to date."""
    from embeddb.db import embedded
    from embeddb.store import start_embedded

    settings = Settings.from_environment()
    start_embedded(settings)
    output.print(embedded.status(settings.data_dir), _print)


@app.command()
@with_groups
def stop(*, output: Output) -> None:
    """Stop the embedded server, and end every connection to it."""
    from embeddb.db import embedded

    stopped = embedded.stop(Settings.from_environment().data_dir)
    text = "The server is stopped." if stopped else "The server was not running."
    output.print({"stopped": stopped}, text)


@app.command()
@with_groups
def status(*, output: Output) -> None:
    """Show whether the embedded server is running, where its data and log are, and its settings."""
    from embeddb.db import embedded

    output.print(embedded.status(Settings.from_environment().data_dir), _print)


@app.command()
@with_groups
def url(*, ctx: CommandContext) -> None:
    """Print the server's URL, for any other client; the embedded server is started.

    ```sh
    pg_dump "$(embeddb db url)"
    ```
    """
    address = ctx.url()
    ctx.print({"url": address}, address)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@with_groups
def psql(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARGUMENT", help="What psql takes; see `psql --help`."),
    ] = None,
    *,
    server: Server,
) -> None:
    """Open psql on the server. Everything else on the line is passed on to psql.

    ```sh
    embeddb db psql -c 'SELECT count(*) FROM embeddb.python_docs'
    ```
    """
    from embeddb.cli.common.psql import execute

    execute(server.url(), arguments or [])


def _print(found: ServerStatus) -> None:
    pairs: list[tuple[str, object]] = [("running", "yes" if found.running else "no")]
    pairs += [("data", found.data_dir), ("log", found.log)]
    if found.running:
        pairs += [("url", found.url), ("pid", found.pid), ("PostgreSQL", found.version)]
        pairs += sorted(found.settings.items())
    out.print(facts(pairs))
