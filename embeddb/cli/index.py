"""`embeddb index …`: build, drop and list a collection's indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from embeddb.cli.indexing import Method, index_spec
from embeddb.cli.opening import opened_store
from embeddb.cli.options import (
    AsJson,
    Dsn,
    HNSWBuild,
    HNSWLinks,
    HNSWSearch,
    Lists,
    Name,
    Probes,
    Schema,
    Yes,
    confirm,
)
from embeddb.cli.output import emit, err, out, say, size, table

if TYPE_CHECKING:
    from embeddb.repository.indexes import IndexInfo

app = typer.Typer(no_args_is_help=True, help="Build, drop and list a collection's indexes.")


@app.command()
def build(
    name: Name,
    method: Annotated[
        Method | None, typer.Option("--method", help="By default the collection's own.")
    ] = None,
    m: HNSWLinks = None,
    ef_construction: HNSWBuild = None,
    ef_search: HNSWSearch = None,
    lists: Lists = None,
    probes: Probes = None,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Build the vector index anew while others read and write."""
    if method is Method.none:
        raise typer.BadParameter("To have no index: embeddb index drop.", param_hint="--method")
    options = dict(
        m=m, ef_construction=ef_construction, ef_search=ef_search, lists=lists, probes=probes
    )
    given = any(value is not None for value in options.values())
    with opened_store(dsn, schema) as store:
        collection = store.collection(name)
        if method is None and given:
            own = collection.record.generation.index
            method = Method.hnsw if own is None else Method(own.method)
        spec = None if method is None else index_spec(method, **options)
        indexes = collection.create_index(spec, progress=err.is_terminal)
    _show(indexes, as_json)


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
