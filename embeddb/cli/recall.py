"""`embeddb recall`: the index compared with exact search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.bars import counting
from embeddb.cli.common.failure import FAILED
from embeddb.cli.common.opening import opened_store
from embeddb.cli.common.options import AsJson, Dsn, Name, Schema
from embeddb.cli.common.output import emit, err, facts, out, say, table

if TYPE_CHECKING:
    from embeddb.evaluation.recall import RecallReport
    from embeddb.repository.catalog.recall_history import MeasuredRecall

SHOWN_SETTINGS = ("method", "on", "ef_search", "probes", "oversample", "target", "queries", "truth")


def recall(
    name: Name,
    sample: Annotated[
        int, typer.Option("--sample", min=1, help="How many stored vectors to ask for.")
    ] = 200,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Recall at how many.")] = 10,
    fail_under: Annotated[
        float | None,
        typer.Option("--fail-under", min=0, max=1, help="Exit 1 if recall is below this."),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Show what was measured before, and measure nothing.")
    ] = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Measure how much of the exact answer the index finds."""
    if history:
        if fail_under is not None:
            raise typer.BadParameter("--history measures nothing.", param_hint="--fail-under")
        with opened_store(dsn, schema) as store:
            measured = store.collection(name).recall_history()
        _show_history(measured, as_json)
        return
    with opened_store(dsn, schema) as store, counting("queries", sample) as progress:
        report = store.collection(name).recall(sample, limit, progress=progress)
    if as_json:
        emit(asdict(report))
    else:
        _show(report)
    if not report.index_used:
        err.print("Postgres read no vector index, so this says nothing about one.")
    if fail_under is not None and report.recall < fail_under:
        err.print(f"Recall {report.recall:.4f} is below {fail_under}.", style="red")
        raise typer.Exit(FAILED)


def _show(report: RecallReport) -> None:
    out.print(
        facts(
            [
                (f"recall@{report.limit}", f"{report.recall:.4f}"),
                ("queries", report.sample),
                ("index", report.index or "none used"),
                ("settings", written(report.settings) or "none"),
                ("by index", _times(report.ann_p50_ms, report.ann_p95_ms)),
                ("exact", _times(report.exact_p50_ms, report.exact_p95_ms)),
            ]
        )
    )


def _show_history(measured: list[MeasuredRecall], as_json: bool) -> None:
    if as_json:
        emit(measured)
        return
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
            written({key: line.settings.get(key) for key in SHOWN_SETTINGS}),
        )
        for line in measured
    )
    columns = ("measured", "generation", "recall", "limit", "queries", "settings")
    out.print(table(columns, rows, right=("generation", "recall", "limit", "queries")))


def written(settings: Mapping[str, Any]) -> str:
    """Write settings as people read them."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in settings.items()
        if value is not None
    )


def _times(p50: float, p95: float) -> str:
    return f"{p50:,.2f} ms in half of the searches, {p95:,.2f} ms in 95 %"
