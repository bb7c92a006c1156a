"""`embeddb tune`: the fastest settings of the index that find enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.failure import FAILED
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.options import DryRun, Name, Sampling
from embeddb.cli.common.output import err, out, say, table
from embeddb.cli.recall import settings_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embeddb.evaluation.index_tuning import TuneReport


@with_groups
def tune(
    name: Name,
    *,
    recall: Annotated[
        float,
        typer.Option("--recall", min=0, max=1, help="The share of the exact hits to find."),
    ] = 0.95,
    sampling: Sampling,
    dry_run: DryRun = False,
    ctx: CommandContext,
) -> None:
    """Find the fastest settings of the index that reach a recall, and search with them.

    The settings are `ef_search`, `probes` and `oversample`; the index itself stays as it is built.
    Every setting that was tried is shown. If none reaches the recall, nothing changes and the exit
    code is 1.
    """
    with ctx.store() as store:
        report = store.collection(name).tune(
            recall,
            sampling.limit,
            sample=sampling.sample,
            dry_run=dry_run,
            progress=err.is_terminal,
        )
    ctx.print(report, _print)
    if report.advice:
        err.print(report.advice)
    if not report.reached:
        raise typer.Exit(FAILED)


def _print(report: TuneReport) -> None:
    columns = (*report.chosen.settings, f"recall@{report.limit}", "p50 ms", "index", "")
    out.print(table(columns, _rows(report), right=columns[:-2]))
    say(f"exact search: {report.exact_p50_ms:,.2f} ms; {report.sample} queries")
    chosen = settings_label(report.chosen.settings)
    if report.stored:
        say(f"Searches use {chosen} from now on.")
    elif report.reached:
        say(f"Nothing was changed. These settings are enough: {chosen}.")
    else:
        say(f"Nothing was changed. The best settings: {chosen}, recall {report.recall:.4f}.")


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
