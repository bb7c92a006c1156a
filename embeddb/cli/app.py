"""The commands put together."""

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
    migrate,
    recall,
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
    """Commands whose errors are told in a sentence."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run a command."""
        with reported(), noting():
            return super().invoke(ctx)


app = typer.Typer(
    name="embeddb",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Embeddings as a first-class, migratable part of a Postgres schema.",
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


app.command("demo")(demo.demo)
app.command("migrate")(migrate.migrate)
app.command("doctor")(doctor.doctor)
app.command("status")(status.status)
app.add_typer(db.app, name="db")
app.add_typer(collection.app, name="collection")
app.command("attach")(attach.attach)
app.command("detach")(attach.detach)
app.command("ingest")(ingest.ingest)
app.command("search")(search.search)
app.command("get")(documents.get)
app.command("delete")(documents.delete)
app.add_typer(index.app, name="index")
app.command("recall")(recall.recall)
app.command("tune")(tune.tune)
app.command("compress")(compress.compress)
app.command("convert")(convert.convert)
app.add_typer(sql_encoder.app, name="sql-encoder")
app.command("worker")(worker.worker)
app.add_typer(jobs.app, name="jobs")
app.command("grant")(grant.grant)
app.command("revoke")(grant.revoke)
