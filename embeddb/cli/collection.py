"""`embeddb collection …`: create, list, show and drop collections."""

from __future__ import annotations

from typing import Annotated

import typer

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.embedding_options import MODELS, EmbeddingOptions, refused
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.index_options import NewIndexOptions
from embeddb.cli.common.layout_options import LayoutOptions
from embeddb.cli.common.notes import notes
from embeddb.cli.common.options import Name, Yes, confirm
from embeddb.cli.common.output import record_fields
from embeddb.cli.describe import print_collection
from embeddb.cli.status import print_collections

app = typer.Typer(no_args_is_help=True, help="Create, list, show and drop collections.")


@app.command()
@with_groups
def create(
    name: Name,
    *,
    model: Annotated[
        str | None, typer.Option("--model", help=f"The embedding model: {MODELS}.")
    ] = None,
    dim: Annotated[
        int | None,
        typer.Option("--dim", help="Without a model: the number of dimensions of your vectors."),
    ] = None,
    exist_ok: Annotated[
        bool,
        typer.Option("--exist-ok", help="Succeed if the collection exists and fits the options."),
    ] = False,
    embedding: EmbeddingOptions,
    normalize: Annotated[
        bool,
        typer.Option("--normalize", rich_help_panel="Vectors", help="Scale vectors to length 1."),
    ] = False,
    index: NewIndexOptions,
    layout: LayoutOptions,
    ctx: CommandContext,
) -> None:
    """Create a collection.

    Options that contradict each other are refused before anything is created, with exit code 2.
    Where pgvector cannot index that many dimensions, another index is chosen: a note on stderr
    says which, and `--json` has it in `notes`.

    ```sh
    embeddb collection create notes --model all-MiniLM-L6-v2
    embeddb collection create items --dim 384 --storage halfvec --index none
    embeddb collection create lean --dim 384 --storage int8 --transform rotation --on bit2
    ```
    """
    if (model is None) == (dim is None):
        raise typer.BadParameter("Give either --model, or --dim for vectors of your own.")
    spec, chosen_layout, arguments = index.spec(), layout.spec(), embedding.arguments()

    from embeddb.diagnostics.describe import describe

    with ctx.store() as store:
        with refused():
            created = store.create_collection(
                name,
                model=model,
                dim=dim,
                normalize=normalize,
                index=spec,
                layout=chosen_layout,
                exist_ok=exist_ok,
                **arguments,
            )
        found = describe(store.database, created.record)
    ctx.print(record_fields(found) | {"notes": notes()}, lambda _: print_collection(found))


@app.command("list")
@with_groups
def list_(*, ctx: CommandContext) -> None:
    """List every collection, with its documents, chunks, model, storage, index and size."""
    with ctx.store() as store:
        collections = store.status().collections
    ctx.print(collections, print_collections)


@app.command()
@with_groups
def show(name: Name, *, ctx: CommandContext) -> None:
    """Show one collection.

    That is its model, the form of its vectors, its chunker, its index and their sizes, and the
    form that it is waiting to take, if any. `--json` adds the model's fingerprint and every index.
    """
    from embeddb.diagnostics.describe import describe

    with ctx.store() as store:
        found = describe(store.database, store.collection(name).record)
    ctx.print(found, print_collection)


@app.command()
@with_groups
def drop(name: Name, *, yes: Yes = False, ctx: CommandContext) -> None:
    """Drop a collection with all its documents, after asking.

    A table that it is attached to stays as it is.
    """
    with ctx.store() as store:
        count = store.collection(name).count()
        confirm(f"Drop collection {name!r} with its {count:,} documents?", yes=yes)
        store.drop_collection(name)
    ctx.print({"dropped": name, "documents": count}, f"Dropped {name} with {count:,} documents.")
