"""`embeddb jobs …`: what waits to be encoded, and what could not be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from embeddb.cli.common.completion import collection_names
from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.options import Limit, Yes, confirm
from embeddb.cli.common.output import out, say, table

if TYPE_CHECKING:
    from embeddb.repository.queue.jobs import FailedJob, QueuedJob

app = typer.Typer(
    no_args_is_help=True, help="Look at the queue of attached tables, and at rows that failed."
)

Collection: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--collection",
        metavar="NAME",
        help="Only of this collection.",
        autocompletion=collection_names,
    ),
]
Keys: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--key", metavar="KEY", help="Only the row with this primary key. May be repeated."
    ),
]


@app.command("list")
@with_groups
def list_queued(*, collection: Collection = None, limit: Limit = 100, ctx: CommandContext) -> None:
    """List jobs in the order in which workers take them.

    A job is `waiting`, `working`, or `delayed` after an error.
    """
    with ctx.store() as store:
        jobs = store.jobs.queued(collection, limit)
    ctx.print(jobs, _print_queued)


@app.command("failed")
@with_groups
def list_failed(*, collection: Collection = None, limit: Limit = 100, ctx: CommandContext) -> None:
    """List the rows that were given up, and why, the latest first."""
    with ctx.store() as store:
        jobs = store.jobs.failed(collection, limit)
    ctx.print(jobs, _print_failed)


@app.command()
@with_groups
def retry(*, collection: Collection = None, key: Keys = None, ctx: CommandContext) -> None:
    """Put rows that were given up back into the queue: all, or those that the options name."""
    with ctx.store() as store:
        count = store.jobs.retry(collection, key)
    ctx.print({"retried": count}, f"{count:,} row(s) are in the queue again.")


@app.command()
@with_groups
def purge(
    *, collection: Collection = None, key: Keys = None, yes: Yes = False, ctx: CommandContext
) -> None:
    """Forget rows that were given up, after asking: all, or those that the options name.

    They are in the table as before, but no search finds them until they change again.
    """
    with ctx.store() as store:
        failed = sum(counts.failed for counts in store.jobs.counts(collection))
        which = f"of collection {collection!r}" if collection else "of every collection"
        confirm(f"Forget {len(key) if key else failed:,} failed row(s) {which}?", yes=yes)
        count = store.jobs.purge(collection, key)
    ctx.print({"purged": count}, f"Forgot {count:,} row(s).")


def _print_queued(jobs: Sequence[QueuedJob]) -> None:
    if not jobs:
        say("No job is waiting.")
        return
    columns = ("collection", "key", "state", "attempts", "age", "last error")
    rows = (
        (
            job.collection,
            job.key,
            job.state,
            job.attempts,
            _age(job.enqueued_at),
            job.last_error or "",
        )
        for job in jobs
    )
    out.print(table(columns, rows, right=("attempts", "age"), clip="last error"))


def _print_failed(jobs: Sequence[FailedJob]) -> None:
    if not jobs:
        say("No row has failed.")
        return
    columns = ("collection", "key", "attempts", "age", "error")
    rows = (
        (
            job.collection,
            job.key,
            job.attempts,
            _age(job.failed_at),
            f"{job.error}: {job.message}",
        )
        for job in jobs
    )
    out.print(table(columns, rows, right=("attempts", "age"), prose="error"))


def _age(moment: datetime) -> str:
    """Return how long ago a moment was, in the largest unit that it fills."""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
