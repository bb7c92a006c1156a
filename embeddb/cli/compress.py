"""`embeddb compress`: the smallest form of a collection's vectors that still finds enough."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.bars import counting
from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.failure import FAILED, usage
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.notes import notes
from embeddb.cli.common.options import Name, Sampling, Yes, confirm
from embeddb.cli.common.output import emit, err, out, say, table
from embeddb.cli.convert import converted, question, sentence
from embeddb.diagnostics.units import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embeddb.collection import Collection
    from embeddb.evaluation.compression.advice import Advice, Measured
    from embeddb.store import Store

ALL = "all"
_SHORT = {"ef_search": "ef ", "probes": "probes ", "oversample": "x"}


@with_groups
def compress(
    name: Name,
    *,
    recall: Annotated[
        float,
        typer.Option("--recall", min=0, max=1, help="The share of the exact hits to find."),
    ] = 0.98,
    sampling: Sampling,
    rows: Annotated[
        str,
        typer.Option(
            "--rows",
            metavar="N",
            help="How many chunks to try each form with, drawn at random, or `all`.",
        ),
    ] = "20000",
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="FILE.png",
            help="Draw bytes against recall. Needs `embeddb[plots]`.",
        ),
    ] = None,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Convert the collection to the form found, after asking."),
    ] = False,
    yes: Yes = False,
    ctx: CommandContext,
) -> None:
    """Find the smallest form of the vectors that still finds enough.

    A sample of the collection's own chunks is stored and indexed in several forms. Each is
    searched and dropped again. The form recommended takes the fewest bytes among those that reach
    the recall; if none does, the exit code is 1.
    """
    count = _count(rows)
    if apply and ctx.as_json and not yes:
        raise typer.BadParameter("--json asks nothing: add --yes.", param_hint="--apply")
    _check(plot)
    with ctx.store() as store:
        collection = store.collection(name)
        advice = collection.compress(
            recall,
            sampling.limit,
            sample=sampling.sample,
            rows=count,
            progress=err.is_terminal,
        )
        _draw(advice, plot)
        if not ctx.as_json:
            _print(advice)
        done = None
        if apply and advice.best is not None and not advice.best.is_current:
            confirm(question(collection), yes=yes)
            done = _apply(store, collection, advice, advice.best, sampling.sample)
            if not ctx.as_json:
                say(sentence(done))
                say(f"Its recall@{advice.limit} is now {done['recall']:.4f}, over all chunks.")
    if ctx.as_json:
        emit(advice.to_json() | {"applied": done, "notes": notes()})
    if advice.best is None:
        raise typer.Exit(FAILED)


def _check(plot: Path | None) -> None:
    """Refuse a plot that could not be drawn before anything is measured."""
    if plot is not None:
        from embeddb.evaluation.compression.plot import check_plot

        with usage("--plot"):
            check_plot(plot)


def _draw(advice: Advice, plot: Path | None) -> None:
    if plot is not None:
        from embeddb.evaluation.compression.plot import save_plot

        save_plot(advice, plot)


def _count(text: str) -> int | None:
    """Return how many chunks to take; None: all of them."""
    if text == ALL:
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise typer.BadParameter(
            f"It takes a number of chunks, at least 1, or {ALL!r}; not {text!r}.",
            param_hint="--rows",
        )
    return int(text)


def _apply(
    store: Store, collection: Collection, advice: Advice, best: Measured, sample: int
) -> dict[str, Any]:
    """Convert, and measure what the index of the whole collection finds."""
    done = converted(store, collection, best.as_convert())
    with counting("queries", sample) as progress:
        report = collection.recall(sample, advice.limit, progress=progress)
    if report.recall < advice.target:
        err.print(
            f"The recall is below {advice.target:g}, which a sample of the chunks reached. Find "
            "settings for all of them: "
            f"embeddb tune {collection.name} --recall {advice.target:g}",
            soft_wrap=True,
        )
    return done | {"recall": report.recall, "index_used": report.index_used}


def _print(advice: Advice) -> None:
    found = f"recall@{advice.limit}"
    columns = ("form", "bytes/vector", "all", found, "p50 ms", "p95 ms", "build s", "search", "")
    out.print(
        table(columns, _lines(advice), right=columns[1:-2], drop=("build s", "p95 ms", "all"))
    )
    for skipped in advice.skipped:
        say(f"not tried: {skipped.label}: {skipped.reason}")
    others = "of other chunks" if advice.held_out else "of these chunks, each without its document"
    say(
        f"{advice.rows:,} of {advice.total_rows:,} chunks; {advice.queries:,} queries {others}; "
        "recall against exact search over what is stored now."
    )
    say(advice.reason)


def _lines(advice: Advice) -> Iterator[list[str]]:
    for form in advice.forms:
        yield [
            form.label,
            f"{form.bytes_per_vector:,.0f}",
            size(form.estimated_bytes),
            f"{form.recall:.4f}",
            f"{form.p50_ms:,.2f}",
            f"{form.p95_ms:,.2f}",
            f"{form.build_seconds:,.1f}",
            " ".join(f"{_SHORT[name]}{value:g}" for name, value in form.settings.items()),
            _verdict(form, advice),
        ]


def _verdict(form: Measured, advice: Advice) -> str:
    words = (
        ("best", form is advice.best),
        ("now", form.is_current),
        ("for comparison", form.is_base),
        ("too little", not form.reaches),
        ("beaten", form.dominated and form.reaches and not form.is_base),
    )
    return ", ".join(word for word, holds in words if holds)
