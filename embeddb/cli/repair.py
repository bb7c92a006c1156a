"""`embeddb index repair`: mend what interrupted builds and conversions left."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.failure import FAILED, complain
from embeddb.cli.common.notes import notes
from embeddb.cli.common.opening import opened_store
from embeddb.cli.common.options import AsJson, Dsn, Schema, Yes
from embeddb.cli.common.output import emit, err, say
from embeddb.errors import EmbedDBError

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.pipeline.indexes.repair import Defect
    from embeddb.store import Store

_DONE = {"drop": "dropped", "build": "built", "create": "created"}


def repair(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="COLLECTION", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every collection.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
    yes: Yes = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Drop invalid indexes, build missing ones, create missing functions, in that order.

    What an interrupted conversion left is dropped where you agree. What is not embeddb's is told
    of, and left.
    """
    if bool(names) == every:
        raise typer.BadParameter("Give names of collections, or --all.")
    repaired: list[dict[str, Any]] = []
    with opened_store(dsn, schema) as store:
        for collection in _chosen(store, names):
            repaired.append(_repair(collection, dry_run=dry_run, yes=yes))
            if not as_json:
                _show(repaired[-1], dry_run=dry_run)
    if as_json:
        emit({"collections": repaired, "notes": notes()})
    if any(one["error"] for one in repaired):
        raise typer.Exit(FAILED)


def _chosen(store: Store, names: list[str] | None) -> list[Collection]:
    return [store.collection(name) for name in names] if names else store.collections()


def _repair(collection: Collection, *, dry_run: bool, yes: bool) -> dict[str, Any]:
    """Repair one; what fails in it does not keep the others from being repaired."""
    faults: list[Defect] = []
    error = ""
    try:
        faults = collection.repair_indexes(dry_run=True)
        if faults and not dry_run:
            faults = collection.repair_indexes(
                drop_generations=yes or _agreed(collection, faults), progress=err.is_terminal
            )
    except EmbedDBError as caught:
        error = str(caught)
    return {"collection": collection.name, "faults": faults, "error": error}


def _agreed(collection: Collection, faults: list[Defect]) -> bool:
    """Ask about each generation; without a terminal nobody agrees."""
    left = [fault.name for fault in faults if fault.kind == "generation" and not fault.kept]
    if not left or not sys.stdin.isatty():
        return False
    question = (
        f"Drop {', '.join(left)}, which a conversion of {collection.name!r} left? "
        "Say no if one is running now."
    )
    return typer.confirm(question, err=True)


def _show(repaired: dict[str, Any], *, dry_run: bool) -> None:
    name = repaired["collection"]
    for fault in repaired["faults"]:
        say(f"{name}: {_told(fault, dry_run=dry_run)}")
    if repaired["error"]:
        complain(f"{name}: {repaired['error']}")
    elif not repaired["faults"]:
        say(f"{name}: nothing to repair")


def _told(fault: Defect, *, dry_run: bool) -> str:
    if fault.kept:
        return f"{fault.kind} {fault.name} is left: {fault.kept}"
    does = f"would {fault.remedy}" if dry_run else _DONE[fault.remedy]
    return f"{does} {fault.kind} {fault.name}"
