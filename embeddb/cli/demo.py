"""`embeddb demo`: Python's own documentation, searched from Python, the shell and SQL."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from embeddb.cli import demo_clients
from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.output import console, emit, err, table
from embeddb.cli.demo_clients import Answer
from embeddb.diagnostics.units import size

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.evaluation.recall import RecallReport
    from embeddb.records import IngestReport
    from embeddb.store import Store

NAME = "python_docs"
MODEL = "all-MiniLM-L6-v2"
QUESTION = "how do I copy a whole directory tree"
MORE_QUESTIONS = (
    "run another program and capture its output",
    "what does the with statement do",
    "pick a random element from a list",
    "remember results of expensive function calls",
    "wrap long lines of text",
    "is this IP address private",
)
# Large, and seldom searched: without them everything takes two minutes on two cores.
LEFT_OUT = {
    *("email", "ftplib", "http", "importlib", "logging", "mailbox", "smtplib", "socketserver"),
    *("typing", "unittest", "wsgiref", "xml", "xmlrpc"),
}
NEXT = (
    f'search {NAME} "median of some numbers"',
    "ingest notes ./docs --model all-MiniLM-L6-v2",
    "status",
    f"recall {NAME}",
    "db psql",
)
LIMIT = 5


@with_groups
def demo(
    *,
    model: Annotated[str, typer.Option("--model", help="The embedding model.")] = MODEL,
    modules: Annotated[
        str | None,
        typer.Option(
            "--modules",
            metavar="A,B",
            help="Only these modules of the library, or `all`. Default: most of the common ones.",
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Drop the collection of an earlier run first.")
    ] = False,
    ctx: CommandContext,
) -> None:
    """Index Python's documentation, and search it from Python, the shell and psql.

    The demo stores Python's language topics and its library's docstrings in the collection
    `python_docs`, with an HNSW index. It asks them questions in three ways, and measures the
    recall. The first run takes two to three minutes on two cores, and another one some seconds,
    since nothing has changed. On a server of your own it brings embeddb's schema up to date.
    """
    from embeddb.store import migrate_database

    screen = console(quiet=ctx.as_json)
    with ctx.database() as database:
        migrate_database(database)
    with ctx.store() as store:
        collection = _collection(store, model, fresh)
        screen.rule("1. Ingest")
        report = _ingest(screen, collection, modules)
        screen.rule("2. Ask")
        answers = _ask(screen, store, collection)
        screen.rule("3. Measure")
        recall = _measure(screen, store, collection)
        screen.rule("4. Go on")
        _go_on(screen, elsewhere=bool(ctx.dsn or ctx.schema))
    if ctx.as_json:
        ids = {client: answer.ids for client, answer in answers.items()}
        emit({"report": report, "answers": ids, "recall": recall})


def _collection(store: Store, model: str, fresh: bool) -> Collection:
    if fresh and NAME in [collection.name for collection in store.collections()]:
        store.drop_collection(NAME)
    return store.create_collection(NAME, model=model, index="hnsw", exist_ok=True)


def _ingest(screen: Console, collection: Collection, modules: str | None) -> IngestReport:
    from embeddb.sources import PythonDocs
    from embeddb.sources.stdlib_modules import COMMON_MODULES

    screen.print("Python's language topics and its library's docstrings, into Postgres …")
    wanted = modules.split(",") if modules else sorted(set(COMMON_MODULES) - LEFT_OUT)
    source = PythonDocs("all" if modules == "all" else wanted)
    report = collection.ingest(source, progress=err.is_terminal)
    screen.print(
        f"{collection.count():,} documents in {collection.count_chunks():,} chunks: "
        f"{report.added:,} added, {report.updated:,} updated, {report.unchanged:,} unchanged "
        f"in {report.seconds:,.1f} s, index included"
    )
    return report


def _ask(screen: Console, store: Store, collection: Collection) -> dict[str, Answer]:
    from embeddb.encoders.media import encode_batch

    schema = store.database.schema
    collection.search(QUESTION)  # the model is loaded before anything is timed
    answers = {"python": demo_clients.by_python(collection, QUESTION, LIMIT)}
    _show(screen, f'store.collection("{NAME}").search("{QUESTION}", limit=5)', answers["python"])

    answers["cli"] = demo_clients.by_command(store, NAME, QUESTION, LIMIT)
    _show(screen, f'$ embeddb search {NAME} "{QUESTION}" --limit 5', answers["cli"])

    vector = encode_batch(collection.encoder, [QUESTION], "query")[0].tolist()
    answers["sql"] = demo_clients.by_psql(store, demo_clients.SEARCH_SQL, {"query": str(vector)})
    brief = {"query": f"[{vector[0]:.3f}, {vector[1]:.3f}, …]"}
    _show(screen, demo_clients.shown(demo_clients.SEARCH_SQL, schema, brief), answers["sql"])

    first = {"id": answers["python"].ids[0], "chunks": _chunks(store, collection)}
    answers["nearest"] = demo_clients.by_psql(store, demo_clients.NEAREST_SQL, first)
    _show(
        screen,
        demo_clients.shown(demo_clients.NEAREST_SQL, schema, first),
        answers["nearest"],
        "distance",
    )

    screen.print("More questions, with the best answer to each:", style="bold")
    found = [
        (question, demo_clients.by_python(collection, question, 1)) for question in MORE_QUESTIONS
    ]
    rows = [(question, *answer.rows[0][:2], f"{answer.ms:.0f} ms") for question, answer in found]
    screen.print(table(("question", "id", "score", "time"), rows, right=("score", "time")))
    return answers


def _chunks(store: Store, collection: Collection) -> str:
    """Return where psql finds the chunks: before PostgreSQL 15 there is no view of them."""
    tables = collection.record.tables
    return tables.chunks_view if store.database.server.version >= 150000 else tables.chunks_name


def _show(screen: Console, asked: str, answer: Answer, number: str = "score") -> None:
    screen.print(asked, style="bold", soft_wrap=True)
    screen.print(table(("id", number, "text"), answer.rows, right=(number,), clip="text"))
    screen.print(f"{len(answer.rows)} rows in {answer.ms:,.0f} ms\n")


def _measure(screen: Console, store: Store, collection: Collection) -> RecallReport:
    report = collection.recall(sample=100)
    *_, tables, indexes = store.sizes(NAME)
    screen.print(
        f"recall@{report.limit} {report.recall:.3f} over {report.sample} queries; p50 by index "
        f"{report.ann_p50_ms:.1f} ms, exact {report.exact_p50_ms:.1f} ms; "
        f"tables {size(tables)}, indexes {size(indexes)}"
    )
    return report


def _go_on(screen: Console, *, elsewhere: bool) -> None:
    command = "embeddb" if shutil.which("embeddb") else sys.argv[0]
    if elsewhere:
        screen.print("Add the same --dsn and --schema to each:")
    for arguments in NEXT:
        screen.print(f"  {command} {arguments}", soft_wrap=True)
