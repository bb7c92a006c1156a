"""`embeddb jobs`: what waits to be encoded, and what could not be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.opening import opened_store
from embeddb.cli.common.options import AsJson, Dsn, Schema, Yes, confirm
from embeddb.cli.common.output import emit, out, say, snippet, table

if TYPE_CHECKING:
    from embeddb.repository.queue.jobs import Jobs
    from embeddb.store import Store

app = typer.Typer(no_args_is_help=True, help="Look at the queue, and at rows that failed.")

Collection = Annotated[
    str | None, typer.Option("--collection", metavar="NAME", help="Only this collection's.")
]
Keys = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="KEY", help="Only the row of this key; may be repeated."),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")]


@app.command("list")
def list_jobs(
    collection: Collection = None,
    limit: Limit = 100,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """List jobs in the order in which they will be done."""
    with opened_store(dsn, schema) as store:
        jobs = _jobs(store, collection).queued(collection, limit)
    if as_json:
        emit(jobs)
        return
    if not jobs:
        say("No job is waiting.")
        return
    columns = ("collection", "key", "state", "attempts", "age", "last error")
    rows = [
        (
            job.collection,
            snippet(job.key, 40),
            job.state,
            job.attempts,
            _age(job.enqueued_at),
            job.last_error or "",
        )
        for job in jobs
    ]
    out.print(table(columns, rows, right=("attempts", "age"), clip="last error"))


@app.command("failed")
def failed(
    collection: Collection = None,
    limit: Limit = 100,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """List the rows that were given up, and why, the latest first."""
    with opened_store(dsn, schema) as store:
        jobs = _jobs(store, collection).failed(collection, limit)
    if as_json:
        emit(jobs)
        return
    if not jobs:
        say("No row has failed.")
        return
    columns = ("collection", "key", "attempts", "age", "error")
    rows = [
        (
            job.collection,
            snippet(job.key, 40),
            job.attempts,
            _age(job.failed_at),
            f"{job.error}: {job.message}",
        )
        for job in jobs
    ]
    out.print(table(columns, rows, right=("attempts", "age")))


@app.command("retry")
def retry(
    collection: Collection = None,
    key: Keys = None,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Put rows that were given up back into the queue: all, a collection's, or those of a key."""
    with opened_store(dsn, schema) as store:
        count = _jobs(store, collection).revive(collection, key)
    if as_json:
        emit({"retried": count})
    else:
        say(f"{count:,} row(s) are in the queue again.")


@app.command("purge")
def purge(
    collection: Collection = None,
    key: Keys = None,
    yes: Yes = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Forget rows that were given up; they are not searchable until they change again."""
    with opened_store(dsn, schema) as store:
        jobs = _jobs(store, collection)
        which = f"of collection {collection!r}" if collection else "of every collection"
        confirm(f"Forget the rows {which} that failed?", yes=yes)
        count = jobs.purge(collection, key)
    if as_json:
        emit({"purged": count})
    else:
        say(f"{count:,} row(s) are forgotten.")


def _jobs(store: Store, collection: str | None) -> Jobs:
    from embeddb.repository.queue.jobs import Jobs

    if collection is not None:
        store.collection(collection)  # a name that is not there is an error, not an empty list
    return Jobs(store.database)


def _age(moment: datetime) -> str:
    """Write how long ago a moment was."""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
