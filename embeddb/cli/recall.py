"""`embeddb recall`: the index compared with exact search."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from embeddb.cli.bars import counting
from embeddb.cli.failure import FAILED
from embeddb.cli.opening import opened_store
from embeddb.cli.options import AsJson, Dsn, Name, Schema
from embeddb.cli.output import emit, err, facts, out


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
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Measure how much of the exact answer the index finds."""
    with opened_store(dsn, schema) as store, counting("queries", sample) as progress:
        report = store.collection(name).recall(sample, limit, progress=progress)
    if as_json:
        emit(asdict(report))
    else:
        out.print(
            facts(
                [
                    (f"recall@{report.limit}", f"{report.recall:.4f}"),
                    ("queries", report.sample),
                    ("index used", "yes" if report.index_used else "no"),
                    ("p50 by index", f"{report.ann_p50_ms:.2f} ms"),
                    ("p50 exact", f"{report.exact_p50_ms:.2f} ms"),
                ]
            )
        )
    if not report.index_used:
        err.print("Postgres read no vector index, so this says nothing about one.")
    if fail_under is not None and report.recall < fail_under:
        err.print(f"Recall {report.recall:.4f} is below {fail_under}.", style="red")
        raise typer.Exit(FAILED)
