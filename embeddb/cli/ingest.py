"""`embeddb ingest`: bring a collection up to date with its sources."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.failure import FAILED, complain
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.options import Name
from embeddb.cli.common.output import err, facts, out, say, table
from embeddb.cli.common.pruning import Pruning
from embeddb.cli.common.source_options import SourceOptions

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.records import IngestReport
    from embeddb.store import Store

SHOWN_FAILURES = 20


@with_groups
def ingest(
    name: Name,
    *,
    source: SourceOptions,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Create the collection with this model if it is missing."),
    ] = None,
    id_prefix: Annotated[
        str,
        typer.Option("--id-prefix", metavar="PREFIX", help="Put this before every id: web/"),
    ] = "",
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Afterwards delete what a source does not have any more."),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before documents are deleted.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also delete more than half of a source's documents.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first document that cannot be stored.")
    ] = False,
    no_progress: Annotated[
        bool, typer.Option("--no-progress", help="Show no progress bars.")
    ] = False,
    no_index: Annotated[
        bool, typer.Option("--no-index", help="Do not build a missing vector index afterwards.")
    ] = False,
    ctx: CommandContext,
) -> None:
    """Bring a collection up to date with its sources.

    Sources are files, folders, globs, `.jsonl`, `.csv`, `.tsv` and `.parquet` files, JSON Lines or
    CSV on stdin, or rows of a database. New and changed documents are encoded, and the others
    skipped. A document that cannot be stored is reported, and the rest goes on. A run that was
    interrupted continues where it stopped when it is started again.

    A document belongs to the source that brought it, and one of the same id from another source is
    refused. `--prune` deletes what its own source does not have any more, and asks first.

    The exit code is 1 where documents failed and none was taken, and where something was to be
    pruned and was not.

    ```sh
    embeddb ingest notes ./docs --model all-MiniLM-L6-v2 --glob '*.md' --exclude drafts
    embeddb ingest notes notes.jsonl more.parquet
    embeddb ingest notes ../web/docs --id-prefix web/
    embeddb ingest notes export.csv --delimiter ';' --encoding cp1252 --types year=int,zip=text
    zcat export.jsonl.gz | embeddb ingest notes -
    embeddb ingest notes --table public.articles --content body
    ```
    """
    source.check()
    with ctx.store() as store:
        opened = source.open(store.url)
        pruning = Pruning(collection=_collection(store, name, model), yes=yes)
        report = pruning.ingest(
            opened,
            source_name=source.source_name,
            id_prefix=id_prefix,
            prune=prune,
            force=force,
            strict=strict,
            progress=err.is_terminal and not no_progress,
            build_index=not no_index,
        )
    ctx.print({**asdict(report), "rate": _rate(report)}, lambda _: _print(report))
    for problem in pruning.problems:
        complain(problem)
    taken = report.added + report.updated + report.unchanged
    if pruning.problems or (report.failed and not taken):
        raise typer.Exit(FAILED)


def _collection(store: Store, name: str, model: str | None) -> Collection:
    """Open the collection, or create it where a model is given."""
    from embeddb.errors import CollectionNotFoundError, ModelMismatchError

    try:
        found = store.collection(name)
    except CollectionNotFoundError as error:
        if model is not None:
            return store.create_collection(name, model=model)
        raise CollectionNotFoundError(
            f"{error} Create it with `embeddb collection create`, or give --model."
        ) from None
    own = found.record.generation.model
    if model is not None and (own is None or own.name != model):
        raise ModelMismatchError(
            f"Collection {name!r} was made with model {own.name if own else 'none'}, not {model}: "
            "leave --model out, or choose another collection."
        )
    return found


def _rate(report: IngestReport) -> float:
    """Return documents per second."""
    seen = report.added + report.updated + report.unchanged + report.failed
    seen += sum(report.skipped.values())
    return round(seen / report.seconds, 1) if report.seconds else 0.0


def _print(report: IngestReport) -> None:
    names = ("added", "updated", "unchanged", "deleted", "failed", "chunks", "encoded")
    pairs: list[tuple[str, object]] = [(name, f"{getattr(report, name):,}") for name in names]
    if report.skipped:
        pairs.insert(5, ("skipped", f"{sum(report.skipped.values()):,}"))
    pairs += [("seconds", f"{report.seconds:,.1f}"), ("documents/s", f"{_rate(report):,.1f}")]
    if report.types:
        pairs.append(("types", ", ".join(f"{name}={kind}" for name, kind in report.types.items())))
    out.print(facts(pairs))
    if report.skipped:
        reasons = [(f"{count:,}", reason) for reason, count in report.skipped.items()]
        out.print(table(("skipped", "why"), reasons))
    for title, failures in (("failed", report.failures), ("repaired", report.repaired)):
        if failures:
            rows = [(failure.id, failure.message) for failure in failures[:SHOWN_FAILURES]]
            out.print(table((title, "why"), rows))
        if (more := len(failures) - SHOWN_FAILURES) > 0:
            say(f"… and {more:,} more. --json lists them all.")
