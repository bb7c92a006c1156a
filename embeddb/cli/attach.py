"""`embeddb attach` and `embeddb detach`: collections over existing tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.embedding_options import MODELS, EmbeddingOptions, refused
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.index_options import NewIndexOptions
from embeddb.cli.common.layout_options import LayoutOptions
from embeddb.cli.common.notes import notes
from embeddb.cli.common.options import Name, Yes, confirm
from embeddb.cli.common.output import emit, record_fields, say
from embeddb.cli.describe import print_collection
from embeddb.errors import ConfigurationError


@with_groups
def attach(
    source: Annotated[
        str,
        typer.Argument(
            metavar="TABLE",
            help="A table with a primary key, as SQL names it: `public.articles`, for example.",
            show_default=False,
        ),
    ],
    *,
    text: Annotated[
        str,
        typer.Option(
            "--text",
            metavar="SQL",
            help="The text of a row: columns, such as `title, body`, or a SQL expression.",
        ),
    ],
    model: Annotated[str, typer.Option("--model", help=f"The embedding model: {MODELS}.")],
    name: Annotated[
        str | None,
        typer.Option("--name", help="The collection's name. Default: the table's name."),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            "--metadata",
            metavar="COLUMN",
            help="A column that searches show and filter by. May be repeated.",
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="SQL", help="Only rows that meet this condition."),
    ] = None,
    depends_on: Annotated[
        list[str] | None,
        typer.Option(
            "--depends-on",
            metavar="TABLE=COLUMN",
            help="Another table that the text is read from, and its column that holds the row's "
            "key, or a SELECT of the keys. May be repeated.",
        ),
    ] = None,
    title_column: Annotated[
        str | None,
        typer.Option(
            "--title-column",
            metavar="COLUMN",
            help="The column that is put before each chunk of the row when it is encoded. "
            "Default: `title`, if it is metadata.",
        ),
    ] = None,
    media_type: Annotated[
        str | None,
        typer.Option(
            "--media-type",
            metavar="TYPE",
            help="What kind of documents the text's one column holds: `text/html`, "
            "`application/pdf`. The column may be bytea.",
        ),
    ] = None,
    media_type_column: Annotated[
        str | None,
        typer.Option(
            "--media-type-column",
            metavar="COLUMN",
            help="The column that has the media type of each row's document.",
        ),
    ] = None,
    exist_ok: Annotated[
        bool,
        typer.Option(
            "--exist-ok",
            help="If the table is attached already, attach it again with these options.",
        ),
    ] = False,
    embedding_column: Annotated[
        str | None,
        typer.Option(
            "--embedding-column",
            metavar="COLUMN",
            help="Take the vectors that the rows have in this column, instead of encoding them. "
            "They are compared with the model on a sample first.",
        ),
    ] = None,
    trust_vectors: Annotated[
        bool,
        typer.Option(
            "--trust-vectors",
            help="Take them even if they are not what the model makes of the texts.",
        ),
    ] = False,
    sql: Annotated[
        bool,
        typer.Option(
            "--sql",
            help="Print the SQL that attaches the table, for migrations that other tools run, and "
            "change nothing.",
        ),
    ] = False,
    embedding: EmbeddingOptions,
    index: NewIndexOptions,
    layout: LayoutOptions,
    ctx: CommandContext,
) -> None:
    """Attach a collection to an existing table, and keep the two in sync.

    Triggers on the table put every change into a queue, and workers encode what is in the queue:
    the existing rows first, then whatever changes. Start one with `embeddb worker`.

    ```sh
    embeddb attach public.articles --text "title, body" --model all-MiniLM-L6-v2 --metadata year
    embeddb attach shop.items --text "name || ' ' || tags::text" --model … --where "live"
    embeddb attach posts --model … --depends-on comments=post_id --text "title || (SELECT
        string_agg(c.body, ' ' ORDER BY c.id) FROM comments c WHERE c.post_id = posts.id)"
    embeddb attach shop.items --text name --model … --embedding-column embedding
    ```
    """
    spec, chosen_layout, arguments = index.spec(), layout.spec(), embedding.arguments()

    from embeddb.diagnostics.describe import describe

    if sql:
        if exist_ok or depends_on or embedding_column:
            raise typer.BadParameter(
                "It goes with neither --exist-ok, --depends-on nor --embedding-column: these ask "
                "the database while they attach.",
                param_hint="--sql",
            )
        with ctx.store() as store, refused():
            written = store.attach_sql(
                source,
                name=name,
                text=text,
                model=model,
                metadata=metadata or (),
                where=where,
                index=spec,
                layout=chosen_layout,
                title_column=title_column,
                media_type=media_type,
                media_type_column=media_type_column,
                **arguments,
            )
        _print_sql(ctx, written)
        return
    with ctx.store() as store:
        with refused():
            made = store.attach(
                source,
                name=name,
                text=text,
                model=model,
                metadata=metadata or (),
                where=where,
                index=spec,
                layout=chosen_layout,
                exist_ok=exist_ok,
                depends_on=_dependencies(depends_on or ()),
                title_column=title_column,
                media_type=media_type,
                media_type_column=media_type_column,
                embedding_column=embedding_column,
                trust_vectors=trust_vectors,
                progress=embedding_column is not None and sys.stderr.isatty(),
                **arguments,
            )
        found = describe(store.database, made.record)

    def tell(_: object) -> None:
        print_collection(found)
        say(f"Workers encode its rows: embeddb worker --collections {made.name!r}")

    ctx.print(record_fields(found) | {"notes": notes()}, tell)


def _print_sql(ctx: CommandContext, written: str) -> None:
    if ctx.as_json:
        emit({"sql": written})
    else:
        sys.stdout.write(written)


def _dependencies(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        table, equals, reference = one.partition("=")
        if not (equals and table.strip() and reference.strip()):
            raise ConfigurationError(
                f"{one!r} names no table and column: --depends-on public.comments=post_id."
            )
        found[table.strip()] = reference.strip()
    return found


@with_groups
def detach(
    name: Name,
    *,
    sql: Annotated[
        bool,
        typer.Option(
            "--sql", help="Print the SQL that detaches it, for migrations that other tools run."
        ),
    ] = False,
    yes: Yes = False,
    ctx: CommandContext,
) -> None:
    """Remove an attached collection, after asking.

    Its chunks, triggers and functions are dropped. The table is as it was before.
    """
    with ctx.store() as store:
        if sql:
            _print_sql(ctx, store.detach_sql(name))
            return
        chunks = store.collection(name).count_chunks()
        confirm(f"Detach {name!r} and drop its {chunks:,} chunks?", yes=yes)
        store.detach(name)
    ctx.print(
        {"detached": name, "chunks": chunks},
        f"Detached {name} and dropped its {chunks:,} chunks. Its table is as it was.",
    )
