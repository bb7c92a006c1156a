"""`embeddb collection …`: create, list, show, drop."""

from __future__ import annotations

from typing import Annotated

import typer

from embeddb.cli.common.index_options import ON_INDEX, Method, index_spec, usage
from embeddb.cli.common.layout_options import (
    PartialValues,
    PartitionBy,
    Partitions,
    PartitionValues,
    layout_spec,
)
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
from embeddb.cli.common.output import emit, facts, out, say
from embeddb.cli.describe import summary
from embeddb.cli.status import print_collections
from embeddb.diagnostics.describe import describe
from embeddb.errors import IndexSpecError, TransformError

app = typer.Typer(no_args_is_help=True, help="Create, list, show and drop collections.")


@app.command()
def create(
    name: Name,
    model: Annotated[
        str | None, typer.Option("--model", help="A preset, a path, a hub name or openai:MODEL.")
    ] = None,
    dim: Annotated[
        int | None, typer.Option("--dim", help="Without a model: dimensions of your own vectors.")
    ] = None,
    distance: Annotated[
        str,
        typer.Option(
            "--distance", help="cosine, l2, inner_product or l1; of bits hamming or jaccard."
        ),
    ] = "cosine",
    storage: Annotated[
        str,
        typer.Option(
            "--storage",
            help="vector (float32), halfvec (float16), int8 (a byte a dimension) or bit (signs).",
        ),
    ] = "vector",
    transform: Annotated[
        list[str] | None,
        typer.Option(
            "--transform",
            metavar="WORD",
            help="Done to vectors before they are stored, and to queries: normalize, rotation, "
            "rotation:pca, rotation:itq, pca:N, matryoshka:N, autoencoder:N; may be repeated.",
        ),
    ] = None,
    index: Annotated[
        Method, typer.Option("--index", help="Built after the first documents are in.")
    ] = Method.hnsw,
    on: IndexOn = None,
    oversample: Oversample = None,
    m: HNSWLinks = None,
    ef_construction: HNSWBuild = None,
    ef_search: HNSWSearch = None,
    lists: Lists = None,
    probes: Probes = None,
    subvectors: Subvectors = None,
    partition_by: PartitionBy = None,
    partitions: Partitions = None,
    partition_value: PartitionValues = None,
    partial_value: PartialValues = None,
    chunker: Annotated[
        str, typer.Option("--chunker", help="auto, none, text, markdown or code.")
    ] = "auto",
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", help="The longest chunk, in the model's tokens.")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option("--overlap", help="Tokens that neighbouring chunks share.")
    ] = None,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Scale vectors to length 1.")
    ] = False,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Be content with one that is there and fits.")
    ] = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Create a collection: its tables, its search function, its place in the catalog."""
    if (model is None) == (dim is None):
        raise typer.BadParameter("Give either a model, or --dim for vectors of your own.")
    spec = index_spec(
        index,
        on=on,
        oversample=oversample,
        m=m,
        ef_construction=ef_construction,
        ef_search=ef_search,
        lists=lists,
        probes=probes,
        subvectors=subvectors,
    )
    _check(storage, distance, transform)
    layout = layout_spec(
        partition_by, partitions=partitions, values=partition_value, partial=partial_value
    )
    with opened_store(dsn, schema) as store:
        with usage(ON_INDEX, IndexSpecError), usage("--transform", TransformError):
            created = store.create_collection(
                name,
                model=model,
                dim=dim,
                distance=distance,
                storage=storage,
                transform=transform or None,
                index=spec,
                chunker={"kind": chunker, "max_tokens": max_tokens, "overlap": overlap},
                normalize=normalize,
                layout=layout,
                exist_ok=exist_ok,
            )
        data = describe(store, created) | {"notes": notes()}
    if as_json:
        emit(data)
    else:
        out.print(facts(summary(data)))


def _check(storage: str, distance: str, transform: list[str] | None) -> None:
    """Refuse what contradicts itself before a server or a model is asked for."""
    from embeddb.schema.distances import Distance
    from embeddb.schema.storage import Storage
    from embeddb.transforms import TransformSpec

    with usage("--distance"):
        compared_by = Distance.named(distance)
    with usage("--storage"):
        Storage.named(storage).check(compared_by)
    with usage("--transform"):
        TransformSpec.parse(transform or None)


@app.command("list")
def list_(dsn: Dsn = None, schema: Schema = None, as_json: AsJson = False) -> None:
    """List every collection."""
    with opened_store(dsn, schema) as store:
        collections = [describe(store, collection) for collection in store.collections()]
    if as_json:
        emit(collections)
    else:
        print_collections(collections)


@app.command()
def show(name: Name, dsn: Dsn = None, schema: Schema = None, as_json: AsJson = False) -> None:
    """Show all that the catalog and Postgres tell of a collection."""
    with opened_store(dsn, schema) as store:
        data = describe(store, store.collection(name))
    if as_json:
        emit(data)
    else:
        out.print(facts(summary(data)))


@app.command()
def drop(
    name: Name, yes: Yes = False, dsn: Dsn = None, schema: Schema = None, as_json: AsJson = False
) -> None:
    """Drop a collection with all its documents."""
    with opened_store(dsn, schema) as store:
        count = store.collection(name).count()
        confirm(f"Drop collection {name!r} with its {count:,} documents?", yes=yes)
        store.drop_collection(name)
    if as_json:
        emit({"dropped": name, "documents": count})
    else:
        say(f"Dropped {name} with {count:,} documents.")
