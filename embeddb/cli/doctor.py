"""`embeddb doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from embeddb.cli.common.failure import FAILED
from embeddb.cli.common.opening import is_embedded, opened_database, opened_store, server_url
from embeddb.cli.common.options import AsJson, Dsn, Schema
from embeddb.cli.common.output import emit, out, table
from embeddb.diagnostics.findings import Finding, examine

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    models: Annotated[
        bool, typer.Option("--models", help="Also load every collection's model and compare it.")
    ] = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Examine server, schema, rights, settings, collections; exit 1 if something is broken."""
    findings = list(_findings(dsn, schema, models))
    if as_json:
        emit(findings)
    else:
        rows = ((_mark(finding), finding.subject, _message(finding)) for finding in findings)
        out.print(table(("", "what", "finding"), rows))
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(FAILED)


def _findings(dsn: str | None, schema: str | None, models: bool) -> Iterator[Finding]:
    broken = False
    for finding in examine("server", lambda: _server(dsn, schema)):
        broken |= finding.level == "fail"
        yield finding
    if not broken:
        yield from examine("collections", lambda: _collections(dsn, schema, models))


def _server(dsn: str | None, schema: str | None) -> Iterator[Finding]:
    from embeddb.diagnostics.server_checks import check_machine, check_server

    with opened_database(server_url(dsn, schema), schema) as database:
        yield from check_server(database)
    if is_embedded(dsn):
        yield from check_machine()


def _collections(dsn: str | None, schema: str | None, models: bool) -> Iterator[Finding]:
    from embeddb.diagnostics.attached_checks import check_attached, is_readable
    from embeddb.diagnostics.collection_checks import check_collection, check_recall

    with opened_store(dsn, schema) as store:
        for collection in store.collections():
            if collection.record.source is not None:
                yield from check_attached(store, collection)
                if not is_readable(store, collection):
                    continue
            yield from check_collection(store, collection, models=models)
        yield from check_recall(store)


def _mark(finding: Finding) -> Text:
    return Text(finding.level, style=STYLES[finding.level])


def _message(finding: Finding) -> str:
    return f"{finding.message}\n→ {finding.remedy}" if finding.remedy else finding.message
