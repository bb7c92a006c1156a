"""`embeddb doctor`: what is wrong, and how to fix it."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from embeddb.cli.common.context import CommandContext, Server
from embeddb.cli.common.failure import FAILED
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.output import out, table
from embeddb.config import Settings
from embeddb.diagnostics.findings import DoctorReport, Finding, failure
from embeddb.errors import EmbedDBError

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@with_groups
def doctor(
    *,
    models: Annotated[
        bool,
        typer.Option(
            "--models", help="Also load every collection's model, and compare its fingerprint."
        ),
    ] = False,
    ctx: CommandContext,
) -> None:
    """Check the server and every collection, and say how to fix what is wrong.

    Every finding is `ok`, `warn` or `fail`. The exit code is 1 if anything fails.

    - Of the server: its versions, embeddb's schema, the role's privileges, the memory settings.
    - Of a collection: missing and invalid indexes, indexes that are much larger than their rows
      need or were never used, missing functions, dead rows, missing statistics, a pending
      transform, leftovers of an interrupted conversion, and a recall that fell.
    - Of an attached collection: the table's columns, the triggers on the table and on each of its
      partitions, row-level security, and the queue.

    `--models` reads all the weights, which takes a while.
    """
    report = _examined(ctx, models=models)
    ctx.print(report.findings, _print)
    if not report.ok:
        raise typer.Exit(FAILED)


def _examined(server: Server, *, models: bool) -> DoctorReport:
    """Examine the server, which may lack embeddb's schema, or not even start."""
    from embeddb.diagnostics.doctor import examine
    from embeddb.encoders import EncoderSettings, load_encoder

    try:
        settings = Settings.from_environment()
        encoders = EncoderSettings.of(settings)
        load = partial(load_encoder, settings=encoders) if models else None
        with server.database() as database:
            return examine(database, settings.data_dir, load_encoder=load)
    except EmbedDBError as error:
        return DoctorReport((failure("server", error),))


def _print(findings: tuple[Finding, ...]) -> None:
    rows = ((_mark(finding), finding.subject, _message(finding)) for finding in findings)
    out.print(table(("", "what", "finding"), rows, prose="finding"))


def _mark(finding: Finding) -> Text:
    return Text(finding.level, style=STYLES[finding.level])


def _message(finding: Finding) -> str:
    return f"{finding.message}\n→ {finding.remedy}" if finding.remedy else finding.message
