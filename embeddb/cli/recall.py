"""`embeddb recall`: how much of the exact answer the index finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.bars import counting
from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.failure import FAILED
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.options import Name, Sampling
from embeddb.cli.common.output import err, facts, out, say, table

if TYPE_CHECKING:
    from embeddb.evaluation.recall import RecallReport
    from embeddb.repository.catalog.recall_history import MeasuredRecall

SHOWN_SETTINGS = (
    "method",
    "on",
    "ef_search",
    "probes",
    "oversample",
    "target",
    "queries",
    "truth",
    "reachable",
)


@with_groups
def recall(
    name: Name,
    *,
    sampling: Sampling,
    fail_under: Annotated[
        float | None,
        typer.Option("--fail-under", min=0, max=1, help="Exit with 1 if the recall is lower."),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Show earlier measurements, and measure nothing.")
    ] = False,
    ctx: CommandContext,
) -> None:
    """Measure how much of the exact answer the index finds.

    A sample of the stored vectors is searched twice, by the index and exactly. The result is the
    share of the exact hits that the index found, and how long both took.
    """
    if history:
        if fail_under is not None:
            raise typer.BadParameter("--history measures nothing.", param_hint="--fail-under")
        with ctx.store() as store:
            measured = store.collection(name).recall_history()
        ctx.print(measured, _print_history)
        return
    from embeddb.evaluation.recall import REACHABLE

    with ctx.store() as store, counting("queries", sampling.sample) as progress:
        collection = store.collection(name)
        report = collection.recall(sampling.sample, sampling.limit, progress=progress)
    ctx.print(asdict(report), lambda _: _print(report))
    if not report.index_used:
        err.print("Postgres used no vector index, so this measures none.")
    if report.reachable is not None and report.reachable < REACHABLE:
        err.print(
            f"{1 - report.reachable:.1%} of the rows are not found by a search for their own "
            "vector; `embeddb doctor` has a remedy."
        )
    if fail_under is not None and report.recall < fail_under:
        err.print(f"Recall {report.recall:.4f} is below {fail_under}.", style="red")
        raise typer.Exit(FAILED)


def settings_label(settings: Mapping[str, Any]) -> str:
    """Return settings as people read them."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in settings.items()
        if value is not None
    )


def _print(report: RecallReport) -> None:
    pairs = [
        (f"recall@{report.limit}", f"{report.recall:.4f}"),
        *([("reachable", f"{report.reachable:.4f}")] if report.reachable is not None else []),
        ("queries", report.sample),
        ("index", report.index or "none used"),
        ("settings", settings_label(report.settings) or "none"),
        ("by index", _times(report.ann_p50_ms, report.ann_p95_ms)),
        ("exact", _times(report.exact_p50_ms, report.exact_p95_ms)),
    ]
    out.print(facts(pairs))


def _print_history(measured: Sequence[MeasuredRecall]) -> None:
    if not measured:
        say("Nothing was measured yet.")
        return
    rows = (
        (
            f"{line.measured_at:%Y-%m-%d %H:%M}",
            line.generation,
            f"{line.recall:.4f}",
            line.limit,
            line.sample,
            settings_label({key: line.settings.get(key) for key in SHOWN_SETTINGS}),
        )
        for line in measured
    )
    columns = ("measured", "generation", "recall", "limit", "queries", "settings")
    out.print(table(columns, rows, right=("generation", "recall", "limit", "queries")))


def _times(p50: float, p95: float) -> str:
    return f"{p50:,.2f} ms in half of the searches, {p95:,.2f} ms in 95 %"
