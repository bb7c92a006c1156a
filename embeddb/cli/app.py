"""All the commands together."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from embeddb.cli import (
    attach,
    collection,
    compress,
    convert,
    db,
    demo,
    doctor,
    documents,
    grant,
    index,
    ingest,
    jobs,
    maintenance,
    migrate,
    recall,
    reconcile,
    search,
    sql_encoder,
    status,
    tune,
    worker,
)
from embeddb.cli.common.failure import reported
from embeddb.cli.common.notes import noting
from embeddb.cli.common.output import say
from embeddb.version import __version__


class _Commands(TyperGroup):
    """Commands that report an error of embeddb's in a sentence."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run a command."""
        with reported(), noting():
            return super().invoke(ctx)


app = typer.Typer(
    name="embeddb",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Embeddings as a first-class, migratable part of a Postgres schema.

    Commands that destroy something ask first, and `--yes` answers. Errors, questions and progress
    go to stderr. The exit code is 0 if all went well, 1 if the command failed, 2 if it was not
    understood, and 130 after Ctrl-C. `EMBEDDB_DEBUG=1` shows where an error comes from.
    """,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"embeddb {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


SERVER = "Server"
app.command("demo", rich_help_panel=SERVER)(demo.demo)
app.command("migrate", rich_help_panel=SERVER)(migrate.migrate)
app.command("doctor", rich_help_panel=SERVER)(doctor.doctor)
app.command("status", rich_help_panel=SERVER)(status.status)
app.add_typer(db.app, name="db", rich_help_panel=SERVER)

DOCUMENTS = "Collections and documents"
app.add_typer(collection.app, name="collection", rich_help_panel=DOCUMENTS)
app.command("ingest", rich_help_panel=DOCUMENTS)(ingest.ingest)
app.command("search", rich_help_panel=DOCUMENTS)(search.search)
app.command("get", rich_help_panel=DOCUMENTS)(documents.get)
app.command("delete", rich_help_panel=DOCUMENTS)(documents.delete)

TABLES = "Tables of your own"
app.command("attach", rich_help_panel=TABLES)(attach.attach)
app.command("detach", rich_help_panel=TABLES)(attach.detach)
app.command("repair", rich_help_panel=TABLES)(reconcile.repair)
app.command("pause", rich_help_panel=TABLES)(maintenance.pause)
app.command("resume", rich_help_panel=TABLES)(maintenance.resume)
app.command("unfollow", rich_help_panel=TABLES)(maintenance.unfollow)
app.command("follow", rich_help_panel=TABLES)(maintenance.follow)
app.command("worker", rich_help_panel=TABLES)(worker.worker)
app.add_typer(jobs.app, name="jobs", rich_help_panel=TABLES)

VECTORS = "Indexes and vectors"
app.add_typer(index.app, name="index", rich_help_panel=VECTORS)
app.command("recall", rich_help_panel=VECTORS)(recall.recall)
app.command("tune", rich_help_panel=VECTORS)(tune.tune)
app.command("compress", rich_help_panel=VECTORS)(compress.compress)
app.command("convert", rich_help_panel=VECTORS)(convert.convert)
app.add_typer(sql_encoder.app, name="sql-encoder", rich_help_panel=VECTORS)

ROLES = "Roles"
app.command("grant", rich_help_panel=ROLES)(grant.grant)
app.command("revoke", rich_help_panel=ROLES)(grant.revoke)
