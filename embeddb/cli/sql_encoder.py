"""`embeddb sql-encoder …`: how texts in SQL become vectors, in Postgres or by workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.failure import FAILED
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.options import Name, Yes, confirm
from embeddb.cli.common.output import err, facts, out
from embeddb.diagnostics.units import size

if TYPE_CHECKING:
    from embeddb.repository.query_encoding.sql_encoders import SQLEncoderInfo

app = typer.Typer(
    no_args_is_help=True, help="Search by text in SQL, with an encoder in Postgres or by workers."
)


@app.command()
@with_groups
def train(
    name: Name,
    *,
    texts: Annotated[
        int, typer.Option("--texts", min=1, help="How many chunks to train on.")
    ] = 50_000,
    spans: Annotated[
        int,
        typer.Option(
            "--spans",
            min=1,
            help="How many short pieces of them to encode. More come closer to the model.",
        ),
    ] = 40_000,
    words: Annotated[
        int,
        typer.Option(
            "--words",
            min=0,
            help="How many words that the model knows only in pieces get their own vector.",
        ),
    ] = 20_000,
    pairs: Annotated[
        int,
        typer.Option(
            "--pairs",
            min=0,
            help="How many neighbouring pairs of tokens get their own vector.",
        ),
    ] = 30_000,
    tokens: Annotated[
        int,
        typer.Option(
            "--tokens",
            min=1,
            help="How many tokens of its vocabulary the model encodes singly.",
        ),
    ] = 30_000,
    queries: Annotated[
        int, typer.Option("--queries", min=1, help="How many held-out queries to measure on.")
    ] = 1_000,
    ctx: CommandContext,
) -> None:
    """Train an encoder that runs in Postgres itself, on the collection's own texts.

    It is measured against the model on held-out queries, and takes the place of an earlier one.
    The model must be one of BERT's kind, with a WordPiece vocabulary. Training takes one to a few
    minutes, most of them in the model.
    """
    from embeddb.sql_encoder import TrainOptions

    options = TrainOptions(
        texts=texts, spans=spans, words=words, pairs=pairs, tokens=tokens, queries=queries
    )
    with ctx.store() as store, _progress() as progress:
        collection = store.collection(name)
        collection.train_sql_encoder(options, progress=progress)
        info = collection.sql_encoder()
    assert info is not None  # it was stored
    ctx.print(info, _print)


@app.command()
@with_groups
def show(name: Name, *, ctx: CommandContext) -> None:
    """Show how close the encoder comes to the model, its size, and whether it is up to date.

    The exit code is 1 if the collection has none.
    """
    with ctx.store() as store:
        info = store.collection(name).sql_encoder()
    if info is None:
        err.print(
            f"Collection {name!r} has no SQL encoder. Train one: embeddb sql-encoder train {name!r}"
        )
        raise typer.Exit(FAILED)
    ctx.print(info, _print)


@app.command()
@with_groups
def drop(name: Name, *, yes: Yes = False, ctx: CommandContext) -> None:
    """Remove the collection's encoder, after asking."""
    with ctx.store() as store:
        collection = store.collection(name)
        confirm(f"Remove the SQL encoder of {name!r}?", yes=yes)
        gone = collection.drop_sql_encoder()
    ctx.print(
        {"collection": name, "dropped": gone},
        f"Removed the SQL encoder of {name!r}." if gone else f"{name!r} had no SQL encoder.",
    )


@app.command("serve-setup")
@with_groups
def serve_setup(
    *,
    role: Annotated[
        str | None,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="The role that hands texts on; it is created, or gets a new password. Default: "
            "the schema's name and `_encode`.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host", help="Where the server reaches itself; it must ask for a password there."
        ),
    ] = "localhost",
    port: Annotated[
        int | None, typer.Option("--port", help="Its port. Default: the server's own.")
    ] = None,
    ctx: CommandContext,
) -> None:
    """Let SQL functions hand texts to workers, where the schema's owner is no superuser.

    A role is created that may do this and nothing else, with a foreign server and a user mapping,
    by which the server reaches itself. Where the schema belongs to a superuser whom the server
    lets in through its socket, none of this is needed.
    """
    from embeddb.repository.query_encoding.dblink import set_up_serving

    with ctx.store() as store:
        done = set_up_serving(store.database, role=role, host=host, port=port)
    ctx.print(done, lambda _: out.print(facts(asdict(done).items())))


def _print(info: SQLEncoderInfo) -> None:
    report = info.report
    pairs: list[tuple[str, object]] = [
        ("trained", f"{info.created_at:%Y-%m-%d %H:%M}, {_model(info)}"),
        ("on", f"{report['texts']:,} texts, {report['examples']:,} examples"),
        ("table", f"{report['tokens']:,} tokens, {size(info.bytes)}"),
        ("cosine", f"{report['cosine']:.3f} to the model's own vectors"),
        ("recall@10", _compared(report, 10)),
        ("recall@100", _compared(report, 100)),
    ]
    out.print(facts(pairs))


def _model(info: SQLEncoderInfo) -> str:
    return "for the model in use" if info.current else "for ANOTHER model: train it again"


def _compared(report: dict[str, Any], limit: int) -> str:
    own, its = report[f"model_recall_at_{limit}"], report[f"recall_at_{limit}"]
    share = f"{its / own:.0%} of the model's {own:.3f}" if own else f"the model's is {own:.3f}"
    overlap = report[f"overlap_at_{limit}"]
    return f"{its:.3f}, {share}; {overlap:.0%} of its first {limit} are the model's"


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show one line that changes, on a terminal."""
    with err.status("Reading texts") as status:
        yield lambda phase, done, total: status.update(f"{phase}: {done:,} of {total:,}")
