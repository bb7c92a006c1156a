"""`embeddb index …`: build, drop, list and repair a collection's indexes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from embeddb.cli import repair
from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.failure import usage
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.index_options import ON_INDEX, IndexOptions, Method
from embeddb.cli.common.notes import notes
from embeddb.cli.common.options import Name, Yes, confirm
from embeddb.cli.common.output import err, out, say, table
from embeddb.diagnostics.units import size
from embeddb.errors import IndexSpecError

if TYPE_CHECKING:
    from embeddb.repository.indexes.listing import IndexInfo

app = typer.Typer(no_args_is_help=True, help="Build, drop, list and repair indexes.")


@app.command()
@with_groups
def build(name: Name, *, index: IndexOptions, ctx: CommandContext) -> None:
    """Build or rebuild the vector index, while others read and write.

    Without options it is the index that the collection has, or was created with. Options change
    that index; `--index` makes another kind. The collection keeps it from then on.

    On a terminal the command says how much room the index will take, shows its progress, and names
    a transaction that the build has to wait for; `--json` has the size in `estimated_bytes`.
    """
    if index.index is Method.none:
        raise typer.BadParameter("To have no index: embeddb index drop.", param_hint=ON_INDEX)
    wanted = None if index.index is None else index.spec()
    with ctx.store() as store:
        collection = store.collection(name)
        spec = wanted or index.changed(collection.record)
        with usage(ON_INDEX, IndexSpecError):
            estimated = collection.estimate_index(spec)
        if estimated and err.is_terminal:
            err.print(f"The index will take about {size(estimated)}.")
        indexes = collection.create_index(spec, progress=err.is_terminal)
    ctx.print(
        {"indexes": indexes, "estimated_bytes": estimated, "notes": notes()},
        lambda _: _print(indexes),
    )


@app.command()
@with_groups
def drop(name: Name, *, yes: Yes = False, ctx: CommandContext) -> None:
    """Drop the vector index, after asking.

    Searches then read every row: they are exact, and slow in a large collection.
    """
    with ctx.store() as store:
        collection = store.collection(name)
        confirm(f"Drop the vector index of {name!r}?", yes=yes)
        collection.drop_index()
        indexes = collection.indexes()
    ctx.print(indexes, _print)


@app.command("list")
@with_groups
def list_(name: Name, *, ctx: CommandContext) -> None:
    """List the indexes with their validity, size and use, primary keys apart."""
    with ctx.store() as store:
        indexes = store.collection(name).indexes()
    ctx.print(indexes, _print)


app.command("repair")(repair.repair)


def _print(indexes: Sequence[IndexInfo]) -> None:
    if not indexes:
        say("There is no index.")
        return
    rows = (
        (info.name, info.method, "yes" if info.valid else "NO", size(info.bytes), f"{info.scans:,}")
        for info in indexes
    )
    columns = ("index", "method", "valid", "size", "scans")
    out.print(table(columns, rows, right=("size", "scans"), drop=("scans", "method", "size")))
