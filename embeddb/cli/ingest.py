"""`embeddb ingest`: bring a collection up to date with its sources."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.opening import opened_store
from embeddb.cli.common.options import AsJson, Dsn, Name, Schema
from embeddb.cli.common.output import emit, err, facts, out, say, table

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.records import IngestReport
    from embeddb.store import Store

SHOWN_FAILURES = 20


def ingest(
    name: Name,
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE...]", help="Files, folders, globs; - for JSONL on stdin."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Create the collection with it, if missing.")
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete every document that the sources lack.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first document that cannot be taken.")
    ] = False,
    no_progress: Annotated[
        bool, typer.Option("--no-progress", help="Show no progress bars.")
    ] = False,
    no_index: Annotated[
        bool, typer.Option("--no-index", help="Do not build a missing vector index afterwards.")
    ] = False,
    include: Annotated[
        list[str] | None,
        typer.Option("--glob", help="Of folders: only files like this; may be repeated."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Of folders: leave these files out.")
    ] = None,
    id: Annotated[str | None, typer.Option("--id", help="Of rows: the column of the ids.")] = None,
    content: Annotated[
        str | None, typer.Option("--content", help="Of rows: the column of the texts.")
    ] = None,
    embedding: Annotated[
        str | None, typer.Option("--embedding", help="Of rows: the column of ready vectors.")
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", metavar="SQL", help="Rows of this query.")
    ] = None,
    rows_of: Annotated[
        str | None, typer.Option("--table", metavar="NAME", help="Rows of this table.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option("--from", metavar="URL", help="Where the query runs; by default the server."),
    ] = None,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Bring a collection up to date: new and changed documents are encoded, the rest is skipped.

    A run that was interrupted goes on where it stopped when it is started again.
    """
    from embeddb.cli.common.source_options import Choice

    choice = Choice(
        paths=sources or [],
        query=query,
        table=rows_of,
        files={"include": include, "exclude": exclude},
        columns={"id": id, "content": content, "embedding": embedding},
    )
    choice.check()
    with opened_store(dsn, schema) as store:
        source = choice.open(database or store.url)
        collection = _collection(store, name, model)
        report = collection.ingest(
            source,
            prune=prune,
            strict=strict,
            progress=err.is_terminal and not no_progress,
            build_index=not no_index,
        )
    if as_json:
        emit({**asdict(report), "rate": rate(report)})
    else:
        print_report(report)


def rate(report: IngestReport) -> float:
    """Give documents a second."""
    seen = report.added + report.updated + report.unchanged + report.failed
    return round(seen / report.seconds, 1) if report.seconds else 0.0


def print_report(report: IngestReport) -> None:
    """Print what a run did, and what it could not take."""
    names = ("added", "updated", "unchanged", "deleted", "failed", "chunks", "encoded")
    pairs: list[tuple[str, object]] = [(name, f"{getattr(report, name):,}") for name in names]
    pairs += [("seconds", f"{report.seconds:,.1f}"), ("documents/s", f"{rate(report):,.1f}")]
    out.print(facts(pairs))
    for title, failures in (("failed", report.failures), ("repaired", report.repaired)):
        if failures:
            rows = [(failure.id, failure.message) for failure in failures[:SHOWN_FAILURES]]
            out.print(table((title, "why"), rows))
        if (more := len(failures) - SHOWN_FAILURES) > 0:
            say(f"… and {more:,} more: --json lists them all.")


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
