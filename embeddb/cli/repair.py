"""`embeddb index repair`: fix what interrupted builds and conversions left behind."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.failure import FAILED, complain
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.notes import notes
from embeddb.cli.common.options import DryRun, Yes
from embeddb.cli.common.output import emit, err, say
from embeddb.errors import EmbedDBError

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.pipeline.indexes.repair import Defect
    from embeddb.store import Store

_DONE = {"drop": "dropped", "build": "built", "create": "created"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """What was found in one collection, and the error that ended its repair, if any."""

    collection: str
    faults: list[Defect] = field(default_factory=list)
    error: str = ""


@with_groups
def repair(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="COLLECTION", show_default=False, help="Names of collections."),
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Repair every collection.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    ctx: CommandContext,
) -> None:
    """Fix what interrupted builds and conversions left behind, and report what was done.

    Invalid indexes are dropped, missing functions are created, and missing indexes are built. What
    an interrupted conversion left is dropped if you agree; without a terminal and without `--yes`
    it is kept. What does not belong to embeddb, and what another process is working on, is
    reported and left alone.
    """
    if bool(names) == every:
        raise typer.BadParameter("Give the names of collections, or --all.")
    repaired: list[Repaired] = []
    with ctx.store() as store:
        for collection in _chosen(store, names):
            repaired.append(_repair(collection, dry_run=dry_run, yes=yes))
            if not ctx.as_json:
                _print(repaired[-1], dry_run=dry_run)
    if ctx.as_json:
        emit({"collections": repaired, "notes": notes()})
    if any(one.error for one in repaired):
        raise typer.Exit(FAILED)


def _chosen(store: Store, names: list[str] | None) -> list[Collection]:
    return [store.collection(name) for name in names] if names else store.collections()


def _repair(collection: Collection, *, dry_run: bool, yes: bool) -> Repaired:
    """Repair one collection; what fails in it does not keep the others from being repaired."""
    defects: list[Defect] = []
    try:
        defects = collection.repair_indexes(dry_run=True)
        if defects and not dry_run:
            defects = collection.repair_indexes(
                drop_generations=yes or _agreed(collection, defects), progress=err.is_terminal
            )
    except EmbedDBError as error:
        return Repaired(collection=collection.name, faults=defects, error=str(error))
    return Repaired(collection=collection.name, faults=defects)


def _agreed(collection: Collection, defects: list[Defect]) -> bool:
    """Ask about what conversions left; without a terminal nobody agrees."""
    left = [defect.name for defect in defects if defect.kind == "generation" and not defect.kept]
    if not left or not sys.stdin.isatty():
        return False
    question = (
        f"Drop {', '.join(left)}, left over from an interrupted conversion of "
        f"{collection.name!r}? Say no if a conversion is running now."
    )
    return typer.confirm(question, err=True)


def _print(repaired: Repaired, *, dry_run: bool) -> None:
    name = repaired.collection
    for defect in repaired.faults:
        say(f"{name}: {_described(defect, dry_run=dry_run)}")
    if repaired.error:
        complain(f"{name}: {repaired.error}")
    elif not repaired.faults:
        say(f"{name}: nothing to repair")


def _described(defect: Defect, *, dry_run: bool) -> str:
    if defect.kept:
        return f"{defect.kind} {defect.name} is left alone: {defect.kept}"
    does = f"would {defect.remedy}" if dry_run else _DONE[defect.remedy]
    return f"{does} {defect.kind} {defect.name}"
