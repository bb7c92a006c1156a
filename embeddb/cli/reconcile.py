"""`embeddb repair`: attached collections compared with their tables, and mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.completion import collection_names
from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.failure import FAILED, complain
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.notes import notes
from embeddb.cli.common.options import DryRun
from embeddb.cli.common.output import emit, err, say
from embeddb.errors import EmbedDBError

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """What was found in one collection, and the error that ended its repair, if any."""

    collection: str
    looked_at: int = 0
    removed: int = 0
    enqueued: int = 0
    error: str = ""


@with_groups
def repair(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COLLECTION",
            show_default=False,
            help="Names of attached collections.",
            autocompletion=collection_names,
        ),
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Repair every attached collection.")] = False,
    dry_run: DryRun = False,
    ctx: CommandContext,
) -> None:
    """Compare attached tables with their chunks, and mend what no trigger noticed.

    A dropped partition, a load without triggers or logical replication leave chunks of rows that
    are gone, and rows without chunks. The first are removed. The second come into the queue, and
    workers encode them. Workers do the same every few hours; this does it now. What is interrupted
    goes on the next time. `embeddb index repair` is for indexes.
    """
    if bool(names) == every:
        raise typer.BadParameter("Give the names of collections, or --all.")
    repaired: list[Repaired] = []
    with ctx.store() as store:
        for collection in _chosen(store, names):
            repaired.append(_repair(collection, dry_run=dry_run))
            if not ctx.as_json:
                _print(repaired[-1], dry_run=dry_run)
    if ctx.as_json:
        emit({"collections": repaired, "notes": notes()})
    if any(one.error for one in repaired):
        raise typer.Exit(FAILED)


def _chosen(store: Store, names: list[str] | None) -> list[Collection]:
    if names:
        return [store.collection(name) for name in names]
    return [one for one in store.collections() if one.record.source is not None]


def _repair(collection: Collection, *, dry_run: bool) -> Repaired:
    """Repair one collection; what fails in it does not keep the others from being repaired."""
    try:
        done = collection.reconcile(dry_run=dry_run, progress=err.is_terminal)
    except EmbedDBError as error:
        return Repaired(collection=collection.name, error=str(error))
    return Repaired(
        collection=collection.name,
        looked_at=done.looked_at,
        removed=done.removed,
        enqueued=done.enqueued,
    )


def _print(repaired: Repaired, *, dry_run: bool) -> None:
    name, removed, enqueued = repaired.collection, repaired.removed, repaired.enqueued
    if repaired.error:
        complain(f"{name}: {repaired.error}")
    elif not removed and not enqueued:
        say(f"{name}: nothing to repair")
    elif dry_run:
        say(f"{name}: would remove {removed:,} documents and enqueue {enqueued:,} rows")
    else:
        say(f"{name}: removed {removed:,} documents and enqueued {enqueued:,} rows")
