"""`embeddb tune`: the fastest settings of the index that find enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.failure import FAILED
from embeddb.cli.common.opening import opened_store
from embeddb.cli.common.options import AsJson, Dsn, Name, Schema
from embeddb.cli.common.output import emit, err, out, say, table
from embeddb.cli.recall import written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embeddb.evaluation.index_tuning import TuneReport


def tune(
    name: Name,
    recall: Annotated[
        float, typer.Option("--recall", min=0, max=1, help="How much of the exact answer to find.")
    ] = 0.95,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Recall at how many.")] = 10,
    sample: Annotated[
        int, typer.Option("--sample", min=1, help="How many stored vectors to ask for.")
    ] = 200,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try, and change nothing.")] = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Find the fastest settings of the index that reach a recall; exit 1 if none does."""
    with opened_store(dsn, schema) as store:
        collection = store.collection(name)
        report = collection.tune(
            recall, limit, sample=sample, dry_run=dry_run, progress=err.is_terminal
        )
    if as_json:
        emit(report)
    else:
        _show(report)
    if report.advice:
        err.print(report.advice)
    if not report.reached:
        raise typer.Exit(FAILED)


def _show(report: TuneReport) -> None:
    settings = list(report.chosen.settings)
    columns = (*settings, f"recall@{report.limit}", "p50 ms", "index", "")
    out.print(table(columns, _rows(report), right=columns[:-2]))
    say(f"exact search: {report.exact_p50_ms:,.2f} ms; {report.sample} queries")
    chosen = written(report.chosen.settings)
    if report.stored:
        say(f"The collection is searched with {chosen} from now on.")
    elif report.reached:
        say(f"Nothing was changed. Enough: {chosen}.")
    else:
        say(f"Nothing was changed. The best: {chosen}, recall {report.recall:.4f}.")


def _rows(report: TuneReport) -> Iterator[list[str]]:
    for trial in report.trials:
        notes = [
            note
            for note, shown in (
                ("before", trial == report.before),
                ("chosen", report.reached and trial == report.chosen),
            )
            if shown
        ]
        yield [
            *(f"{value:g}" for value in trial.settings.values()),
            f"{trial.recall:.4f}",
            f"{trial.p50_ms:,.2f}",
            "used" if trial.index_used else "not used",
            ", ".join(notes),
        ]
