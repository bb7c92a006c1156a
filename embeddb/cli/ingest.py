"""`embeddb ingest`: bring a collection up to date with its sources."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.options import Name
from embeddb.cli.common.output import err, facts, out, say, table
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
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Afterwards delete every document that the sources lack."),
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

    Sources are files, folders, globs, `.jsonl`, `.csv`, `.tsv` and `.parquet` files, JSON Lines on
    stdin, or rows of a database. New and changed documents are encoded, and the others skipped. A
    document that cannot be stored is reported, and the rest goes on. A run that was interrupted
    continues where it stopped when it is started again.

    ```sh
    embeddb ingest notes ./docs --model all-MiniLM-L6-v2 --glob '*.md' --exclude drafts
    embeddb ingest notes notes.jsonl more.parquet
    zcat export.jsonl.gz | embeddb ingest notes -
    embeddb ingest notes --table public.articles --content body
    ```
    """
    source.check()
    with ctx.store() as store:
        opened = source.open(store.url)
        report = _collection(store, name, model).ingest(
            opened,
            prune=prune,
            strict=strict,
            progress=err.is_terminal and not no_progress,
            build_index=not no_index,
        )
    ctx.print({**asdict(report), "rate": _rate(report)}, lambda _: _print(report))


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
    return round(seen / report.seconds, 1) if report.seconds else 0.0


def _print(report: IngestReport) -> None:
    names = ("added", "updated", "unchanged", "deleted", "failed", "chunks", "encoded")
    pairs: list[tuple[str, object]] = [(name, f"{getattr(report, name):,}") for name in names]
    pairs += [("seconds", f"{report.seconds:,.1f}"), ("documents/s", f"{_rate(report):,.1f}")]
    out.print(facts(pairs))
    for title, failures in (("failed", report.failures), ("repaired", report.repaired)):
        if failures:
            rows = [(failure.id, failure.message) for failure in failures[:SHOWN_FAILURES]]
            out.print(table((title, "why"), rows))
        if (more := len(failures) - SHOWN_FAILURES) > 0:
            say(f"… and {more:,} more. --json lists them all.")
