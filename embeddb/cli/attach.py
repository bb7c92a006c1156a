"""`embeddb attach` and `embeddb detach`: collections over tables that are there."""

from __future__ import annotations

from typing import Annotated

import typer

from embeddb.cli.common.index_options import ON_INDEX, Method, index_spec, usage
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
from embeddb.diagnostics.describe import describe
from embeddb.errors import IndexSpecError, TransformError


def attach(
    source: Annotated[
        str,
        typer.Argument(
            metavar="TABLE",
            help='A table with a primary key: public.articles, or \'"My schema"."T"\'.',
            show_default=False,
        ),
    ],
    text: Annotated[
        str,
        typer.Option(
            "--text", metavar="SQL", help='Columns, "title, body", or an expression over a row.'
        ),
    ],
    model: Annotated[
        str, typer.Option("--model", help="A preset, a path, a hub name or openai:MODEL.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="The collection's name; else the table's.")
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            "--metadata", metavar="COLUMN", help="Shown and filtered by; may be repeated."
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="SQL", help="Only rows that meet this condition."),
    ] = None,
    distance: Annotated[
        str, typer.Option("--distance", help="cosine, l2, inner_product or l1.")
    ] = "cosine",
    storage: Annotated[
        str, typer.Option("--storage", help="vector, halfvec, int8 or bit.")
    ] = "vector",
    transform: Annotated[
        list[str] | None,
        typer.Option("--transform", metavar="WORD", help="Done to vectors before they are stored."),
    ] = None,
    index: Annotated[
        Method, typer.Option("--index", help="Built once the rows are encoded.")
    ] = Method.hnsw,
    on: IndexOn = None,
    oversample: Oversample = None,
    m: HNSWLinks = None,
    ef_construction: HNSWBuild = None,
    ef_search: HNSWSearch = None,
    lists: Lists = None,
    probes: Probes = None,
    subvectors: Subvectors = None,
    partition_by: Annotated[
        str | None,
        typer.Option("--partition-by", metavar="COLUMN", help="Lay the chunks out by a column."),
    ] = None,
    chunker: Annotated[
        str, typer.Option("--chunker", help="auto, none, text, markdown or code.")
    ] = "auto",
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", help="The longest chunk, in the model's tokens.")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option("--overlap", help="Tokens that neighbouring chunks share.")
    ] = None,
    exist_ok: Annotated[
        bool,
        typer.Option("--exist-ok", help="Where it is attached, make everything anew as said now."),
    ] = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Make a collection of a table, and follow what is written to it."""
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
    with opened_store(dsn, schema) as store:
        with usage(ON_INDEX, IndexSpecError), usage("--transform", TransformError):
            made = store.attach(
                source,
                name=name,
                text=text,
                model=model,
                metadata=metadata or (),
                where=where,
                distance=distance,
                storage=storage,
                transform=transform or None,
                index=spec,
                chunker={"kind": chunker, "max_tokens": max_tokens, "overlap": overlap},
                partition_by=partition_by,
                exist_ok=exist_ok,
            )
        data = describe(store, made) | {"notes": notes()}
    if as_json:
        emit(data)
        return
    out.print(facts(summary(data)))
    say(f"Its rows are encoded by workers: embeddb worker --collections {made.name!r}")


def detach(
    name: Name, yes: Yes = False, dsn: Dsn = None, schema: Schema = None, as_json: AsJson = False
) -> None:
    """Remove a collection that is attached; its table is as it was before."""
    with opened_store(dsn, schema) as store:
        chunks = store.collection(name).count_chunks()
        confirm(f"Detach {name!r} and drop its {chunks:,} chunks?", yes=yes)
        store.detach(name)
    if as_json:
        emit({"detached": name, "chunks": chunks})
    else:
        say(f"Detached {name}; its {chunks:,} chunks are dropped, and its table is as it was.")
