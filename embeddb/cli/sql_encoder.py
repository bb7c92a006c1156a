"""`embeddb sql-encoder …`: texts in SQL, by an encoder in the database or by workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.failure import FAILED
from embeddb.cli.common.opening import opened_store
from embeddb.cli.common.options import AsJson, Dsn, Name, Schema, Yes, confirm
from embeddb.cli.common.output import emit, err, facts, out, say
from embeddb.diagnostics.units import size

if TYPE_CHECKING:
    from embeddb.repository.query_encoding.sql_encoders import SQLEncoderInfo

app = typer.Typer(no_args_is_help=True, help="Encode the texts that SQL asks with.")


@app.command()
def train(
    name: Name,
    texts: Annotated[int, typer.Option(min=1, help="Chunks to train on.")] = 50_000,
    spans: Annotated[int, typer.Option(min=1, help="Short pieces of them to encode.")] = 40_000,
    words: Annotated[int, typer.Option(min=0, help="Words with a row of their own.")] = 20_000,
    pairs: Annotated[int, typer.Option(min=0, help="Pairs with a row of their own.")] = 30_000,
    tokens: Annotated[
        int, typer.Option(min=1, help="Tokens of the vocabulary to ask the model about.")
    ] = 30_000,
    queries: Annotated[int, typer.Option(min=1, help="Held-out queries to measure on.")] = 1_000,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Train an encoder that Postgres runs itself, on the collection's own texts."""
    from embeddb.sql_encoder import TrainOptions

    options = TrainOptions(
        texts=texts, spans=spans, words=words, pairs=pairs, tokens=tokens, queries=queries
    )
    with opened_store(dsn, schema) as store, _progress() as progress:
        collection = store.collection(name)
        collection.train_sql_encoder(options, progress=progress)
        info = collection.sql_encoder()
    assert info is not None  # it was stored
    _show(info, as_json)


@app.command()
def show(name: Name, dsn: Dsn = None, schema: Schema = None, as_json: AsJson = False) -> None:
    """Show how good the collection's encoder is; exit 1 if it has none."""
    with opened_store(dsn, schema) as store:
        info = store.collection(name).sql_encoder()
    if info is None:
        err.print(f"Collection {name!r} has no SQL encoder: embeddb sql-encoder train {name!r}")
        raise typer.Exit(FAILED)
    _show(info, as_json)


@app.command()
def drop(
    name: Name,
    yes: Yes = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Remove the collection's encoder."""
    with opened_store(dsn, schema) as store:
        collection = store.collection(name)
        confirm(f"Remove the SQL encoder of {name!r}?", yes=yes)
        gone = collection.drop_sql_encoder()
    if as_json:
        emit({"collection": name, "dropped": gone})
        return
    say(f"Removed the SQL encoder of {name!r}." if gone else f"{name!r} had no SQL encoder.")


@app.command("serve-setup")
def serve_setup(
    role: Annotated[
        str | None,
        typer.Option(help="Hands texts on; by default SCHEMA_encode.", metavar="ROLE"),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where the server reaches itself, asking for a password.")
    ] = "localhost",
    port: Annotated[int | None, typer.Option(help="By default the server's own.")] = None,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Let SQL hand texts to workers where the schema's owner is no superuser."""
    from embeddb.repository.query_encoding.dblink import set_up_serving

    with opened_store(dsn, schema) as store:
        done = set_up_serving(store.database, role=role, host=host, port=port)
    if as_json:
        emit(done)
    else:
        out.print(facts(asdict(done).items()))


def _show(info: SQLEncoderInfo, as_json: bool) -> None:
    if as_json:
        emit(info)
        return
    report = info.report
    out.print(
        facts(
            (
                ("trained", f"{info.created_at:%Y-%m-%d %H:%M}, {_for(info)}"),
                ("on", f"{report['texts']:,} texts, {report['examples']:,} examples"),
                ("table", f"{report['tokens']:,} tokens, {size(info.bytes)}"),
                ("cosine", f"{report['cosine']:.3f} to the model's own vectors"),
                ("recall@10", _compared(report, 10)),
                ("recall@100", _compared(report, 100)),
            )
        )
    )


def _for(info: SQLEncoderInfo) -> str:
    return "for the model in use" if info.current else "for ANOTHER model: train it again"


def _compared(report: dict[str, Any], limit: int) -> str:
    own, its = report[f"model_recall_at_{limit}"], report[f"recall_at_{limit}"]
    share = f"{its / own:.0%} of the model's {own:.3f}" if own else f"the model's is {own:.3f}"
    overlap = report[f"overlap_at_{limit}"]
    return f"{its:.3f}, {share}; {overlap:.0%} of its first {limit} are the model's"


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show one line that changes, where somebody sees it."""
    with err.status("Reading texts") as status:
        yield lambda phase, done, total: status.update(f"{phase}: {done:,} of {total:,}")
