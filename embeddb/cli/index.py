"""`embeddb index …`: build, drop, list and repair a collection's indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli import repair
from embeddb.cli.common.index_options import ON_INDEX, Method, changed_spec, index_spec, usage
from embeddb.cli.common.notes import notes
from embeddb.cli.common.opening import opened_store
from embeddb.cli.common.options import (
    AsJson,
    Dsn,
    HNSWBuild,
    HNSWLinks,
    HNSWSearch,
    IndexOn,
    Lists,
    Name,
    Oversample,
    Probes,
    Schema,
    Subvectors,
    Yes,
    confirm,
)
from embeddb.cli.common.output import emit, err, out, say, table
from embeddb.diagnostics.units import size
from embeddb.errors import IndexSpecError

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.repository.indexes.indexes import IndexInfo
    from embeddb.schema.indexes import IndexSpec

app = typer.Typer(no_args_is_help=True, help="Build, drop, list and repair indexes.")
app.command("repair")(repair.repair)


@app.command()
def build(
    name: Name,
    index: Annotated[
        Method | None, typer.Option("--index", help="By default the collection's own.")
    ] = None,
    on: IndexOn = None,
    oversample: Oversample = None,
    m: HNSWLinks = None,
    ef_construction: HNSWBuild = None,
    ef_search: HNSWSearch = None,
    lists: Lists = None,
    probes: Probes = None,
    subvectors: Subvectors = None,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Build the vector index anew while others read and write."""
    if index is Method.none:
        raise typer.BadParameter("To have no index: embeddb index drop.", param_hint=ON_INDEX)
    options = {
        "on": on,
        "oversample": oversample,
        "m": m,
        "ef_construction": ef_construction,
        "ef_search": ef_search,
        "lists": lists,
        "probes": probes,
        "subvectors": subvectors,
    }
    wanted = None if index is None else index_spec(index, **options)
    with opened_store(dsn, schema) as store:
        collection = store.collection(name)
        spec = wanted or _changed(collection, options)
        with usage(ON_INDEX, IndexSpecError):
            estimated = collection.estimate_index(spec)
        if estimated and err.is_terminal:
            err.print(f"The index will take about {size(estimated)}.")
        indexes = collection.create_index(spec, progress=err.is_terminal)
    if as_json:
        emit({"indexes": indexes, "estimated_bytes": estimated, "notes": notes()})
    else:
        _show(indexes, as_json)


def _changed(collection: Collection, options: dict[str, Any]) -> IndexSpec | None:
    """Change the collection's own index where an option is given; None: build it as it is."""
    if all(value is None for value in options.values()):
        return None
    generation = collection.record.generation
    own = generation.wanted.index if generation.wanted else generation.index
    return index_spec(Method.hnsw, **options) if own is None else changed_spec(own, **options)


@app.command()
def drop(
    name: Name, yes: Yes = False, dsn: Dsn = None, schema: Schema = None, as_json: AsJson = False
) -> None:
    """Drop the vector index: searches are exact, and slow, until the next one."""
    with opened_store(dsn, schema) as store:
        collection = store.collection(name)
        confirm(f"Drop the vector index of {name!r}?", yes=yes)
        collection.drop_index()
        indexes = collection.indexes()
    _show(indexes, as_json)


@app.command("list")
def list_(name: Name, dsn: Dsn = None, schema: Schema = None, as_json: AsJson = False) -> None:
    """List the indexes as Postgres has them, primary keys apart."""
    with opened_store(dsn, schema) as store:
        indexes = store.collection(name).indexes()
    _show(indexes, as_json)


def _show(indexes: list[IndexInfo], as_json: bool) -> None:
    if as_json:
        emit(indexes)
        return
    if not indexes:
        say("There is no index.")
        return
    rows = (
        (info.name, info.method, "yes" if info.valid else "NO", size(info.bytes), f"{info.scans:,}")
        for info in indexes
    )
    out.print(table(("index", "method", "valid", "size", "scans"), rows, right=("size", "scans")))
