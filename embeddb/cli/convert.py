"""`embeddb convert`: the vectors in another form, without encoding anything anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
from embeddb.cli.common.output import emit, err, say
from embeddb.diagnostics.units import size
from embeddb.errors import IndexSpecError, TransformError

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.schema.catalog import Generation
    from embeddb.schema.indexes import IndexSpec
    from embeddb.store import Store


def convert(
    name: Name,
    storage: Annotated[
        str | None,
        typer.Option("--storage", help="vector, halfvec, int8 or bit; by default as it is."),
    ] = None,
    transform: Annotated[
        list[str] | None,
        typer.Option(
            "--transform",
            metavar="WORD",
            help="Done to what is stored now, after what was done before: normalize, rotation, "
            "rotation:pca, rotation:itq, pca:N, matryoshka:N, autoencoder:N; may be repeated.",
        ),
    ] = None,
    distance: Annotated[
        str | None,
        typer.Option("--distance", help="Of bits hamming or jaccard; by default as it is."),
    ] = None,
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
    yes: Yes = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Store the vectors in another form, while others read and write."""
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
    wanted = None if index is None else index_spec(index, **options) or "exact"
    with opened_store(dsn, schema) as store:
        collection = store.collection(name)
        form = {
            "storage": storage,
            "transform": transform or None,
            "distance": distance,
            "index": wanted or _changed(collection, options),
        }
        confirm(question(collection), yes=yes)
        with usage(ON_INDEX, IndexSpecError), usage("--transform", TransformError):
            done = converted(store, collection, form)
    if as_json:
        emit(done | {"notes": notes()})
    else:
        say(sentence(done))


def question(collection: Collection) -> str:
    """Ask whether to convert; what a smaller form loses does not come back."""
    form = form_label(collection.record.generation)
    return (
        f"Convert {collection.name!r}, {collection.count_chunks():,} chunks stored as {form}? "
        "What another form leaves out of the numbers is gone."
    )


def converted(store: Store, collection: Collection, form: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a collection, and tell of it before and after, ready for JSON."""
    before = _told(store, collection)
    collection.convert(**form, progress=err.is_terminal)
    return {"collection": collection.name, "before": before, "after": _told(store, collection)}


def sentence(done: Mapping[str, Any]) -> str:
    """Say what a conversion changed."""
    before, after = done["before"], done["after"]
    return (
        f"{done['collection']} was {before['form']}, table {size(before['table_bytes'])} and "
        f"indexes {size(before['index_bytes'])}; it is {after['form']}, table "
        f"{size(after['table_bytes'])} and indexes {size(after['index_bytes'])}."
    )


def form_label(generation: Generation) -> str:
    """Name a form: storage, transform, index."""
    from embeddb.evaluation.compression.candidates import index_label

    words = generation.transform.words if generation.transform else ()
    return " · ".join((generation.storage.label, *words, index_label(generation.index)))


def _told(store: Store, collection: Collection) -> dict[str, Any]:
    from embeddb.schema.indexes import to_json

    generation = collection.record.generation
    _, chunks, table_bytes, index_bytes = store.sizes(collection.name)
    return {
        "form": form_label(generation),
        "generation": generation.number,
        "storage": generation.storage.label,
        "transform": list(generation.transform.words) if generation.transform else [],
        "distance": generation.distance.label,
        "index": to_json(generation.index),
        "chunks": chunks,
        "table_bytes": table_bytes,
        "index_bytes": index_bytes,
    }


def _changed(collection: Collection, options: dict[str, Any]) -> IndexSpec | None:
    """Change the collection's own index where an option is given; None: as it is."""
    if all(value is None for value in options.values()):
        return None
    generation = collection.record.generation
    own = (generation.wanted or generation).index
    return index_spec(Method.hnsw, **options) if own is None else changed_spec(own, **options)
