"""`embeddb db …`: the embedded server, and psql on any server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.opening import server_url
from embeddb.cli.common.options import AsJson, Dsn, Schema
from embeddb.cli.common.output import emit, facts, out, say
from embeddb.config import Settings

if TYPE_CHECKING:
    from embeddb.db.embedded import ServerStatus

app = typer.Typer(
    no_args_is_help=True,
    help="Start, stop and look at the embedded server; psql and URL of any server.",
)


@app.command()
def start(as_json: AsJson = False) -> None:
    """Start the embedded server if it does not run, and bring its schema up to date."""
    from embeddb.db import embedded
    from embeddb.store import start_embedded

    settings = Settings.from_environment()
    start_embedded(settings)
    _show(embedded.status(settings.data_dir), as_json)


@app.command()
def stop(as_json: AsJson = False) -> None:
    """Stop the embedded server, ending every connection to it."""
    from embeddb.db import embedded

    stopped = embedded.stop(Settings.from_environment().data_dir)
    if as_json:
        emit({"stopped": stopped})
    else:
        say("The server is stopped." if stopped else "The server was not running.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say whether the embedded server runs, where its data is, and its settings."""
    from embeddb.db import embedded

    _show(embedded.status(Settings.from_environment().data_dir), as_json)


@app.command()
def url(dsn: Dsn = None, schema: Schema = None, as_json: AsJson = False) -> None:
    """Print the server's URL for any other client; the embedded server is started."""
    address = server_url(dsn, schema)
    if as_json:
        emit({"url": address})
    else:
        say(address)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[PSQL ARGUMENTS]", help="As psql takes them.")
    ] = None,
    dsn: Dsn = None,
    schema: Schema = None,
) -> None:
    """Open psql on the server; everything else on the line is psql's."""
    from embeddb.cli.common.psql import execute

    execute(server_url(dsn, schema), arguments or [])


def _show(found: ServerStatus, as_json: bool) -> None:
    if as_json:
        emit(found)
        return
    pairs: list[tuple[str, object]] = [("running", "yes" if found.running else "no")]
    pairs += [("data", found.data_dir), ("log", found.log)]
    if found.running:
        pairs += [("url", found.url), ("pid", found.pid), ("PostgreSQL", found.version)]
        pairs += sorted(found.settings.items())
    out.print(facts(pairs))
