"""`embeddb demo`: Python's own documentation, asked by every door."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from embeddb.cli import doors
from embeddb.cli.doors import Answer
from embeddb.cli.opening import opened_store, server_url
from embeddb.cli.options import AsJson, Dsn, Schema
from embeddb.cli.output import console, emit, err, size, table

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.evaluation.recall import RecallReport
    from embeddb.records import IngestReport
    from embeddb.store import Store

NAME = "python_docs"
MODEL = "all-MiniLM-L6-v2"
QUESTION = "how do I copy a whole directory tree"
MORE_QUESTIONS = (
    "parse command line arguments",
    "wait for several threads to finish",
    "what does the with statement do",
    "turn a Python object into a JSON string",
    "run another program and capture its output",
)
LIMIT = 5
RECALL_SAMPLE = 100


def demo(
    model: Annotated[str, typer.Option("--model", help="The embedding model.")] = MODEL,
    modules: Annotated[
        str | None,
        typer.Option("--modules", help="Only these modules of the library, separated by commas."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Drop the collection of an earlier run first.")
    ] = False,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Ingest Python's documentation, and answer questions from Python, the shell and psql."""
    screen = console(quiet=as_json)
    url = server_url(dsn, schema)
    _migrate(url, schema)
    with opened_store(url, schema) as store:
        collection = _collection(store, model, fresh)
        screen.rule("1. Ingest")
        report = _ingest(screen, collection, modules)
        screen.rule("2. Ask")
        answers = _ask(screen, store, collection)
        screen.rule("3. Measure")
        recall = _measure(screen, store, collection)
        screen.rule("4. Go on")
        _go_on(screen)
    if as_json:
        ids = {door: answer.ids for door, answer in answers.items()}
        emit({"report": asdict(report), "answers": ids, "recall": asdict(recall)})


def _migrate(url: str, schema: str | None) -> None:
    from embeddb.cli.opening import opened_database
    from embeddb.store import migrate_database

    with opened_database(url, schema) as database:
        migrate_database(database)


def _collection(store: Store, model: str, fresh: bool) -> Collection:
    if fresh and NAME in [collection.name for collection in store.collections()]:
        store.drop_collection(NAME)
    return store.create_collection(NAME, model=model, index="hnsw", exist_ok=True)


def _ingest(screen: Console, collection: Collection, modules: str | None) -> IngestReport:
    from embeddb.sources import PythonDocs

    screen.print("Python's language topics and its library's docstrings, into Postgres …")
    source = PythonDocs(modules.split(",") if modules else None)
    report = collection.ingest(source, progress=err.is_terminal)
    screen.print(
        f"{collection.count():,} documents in {collection.count_chunks():,} chunks: "
        f"{report.added:,} added, {report.updated:,} updated, {report.unchanged:,} unchanged "
        f"in {report.seconds:,.1f} s, index included"
    )
    return report


def _ask(screen: Console, store: Store, collection: Collection) -> dict[str, Answer]:
    schema = store.database.schema
    collection.search(QUESTION)  # the model is loaded before anything is timed

    answers = {"python": doors.by_python(collection, QUESTION, LIMIT)}
    _show(screen, f'store.collection("{NAME}").search("{QUESTION}", limit=5)', answers["python"])

    answers["cli"] = doors.by_command(store, NAME, QUESTION, LIMIT)
    _show(screen, f'$ embeddb search {NAME} "{QUESTION}" --limit 5', answers["cli"])

    vector = collection.encoder.encode([QUESTION], "query")[0].tolist()
    answers["sql"] = doors.by_psql(store, doors.SEARCH_SQL, {"query": str(vector)})
    brief = {"query": f"[{vector[0]:.3f}, {vector[1]:.3f}, …]"}
    _show(screen, doors.shown(doors.SEARCH_SQL, schema, brief), answers["sql"])

    first = {"id": answers["python"].ids[0]}
    answers["nearest"] = doors.by_psql(store, doors.NEAREST_SQL, first)
    _show(screen, doors.shown(doors.NEAREST_SQL, schema, first), answers["nearest"], "distance")

    screen.print("More questions, best answer each:", style="bold")
    rows: list[Any] = []
    for question in MORE_QUESTIONS:
        answer = doors.by_python(collection, question, 1)
        rows += [(question, *row, f"{answer.ms:.0f} ms") for row in answer.rows]
    screen.print(
        table(
            ("question", "id", "score", "text", "time"), rows, right=("score", "time"), clip="text"
        )
    )
    return answers


def _show(screen: Console, asked: str, answer: Answer, number: str = "score") -> None:
    screen.print(asked, style="bold", soft_wrap=True)
    screen.print(table(("id", number, "text"), answer.rows, right=(number,), clip="text"), end="")
    screen.print(f"{len(answer.rows)} rows in {answer.ms:,.0f} ms\n")


def _measure(screen: Console, store: Store, collection: Collection) -> RecallReport:
    report = collection.recall(sample=RECALL_SAMPLE)
    *_, tables, indexes = store.sizes(NAME)
    screen.print(
        f"recall@{report.limit} {report.recall:.3f} over {report.sample} queries; p50 by index "
        f"{report.ann_p50_ms:.1f} ms, exact {report.exact_p50_ms:.1f} ms; "
        f"tables {size(tables)}, indexes {size(indexes)}"
    )
    return report


def _go_on(screen: Console) -> None:
    command = "embeddb" if shutil.which("embeddb") else sys.argv[0]
    for arguments in (
        f'search {NAME} "read a file line by line"',
        "ingest notes ./docs --model all-MiniLM-L6-v2",
        "status",
        f"recall {NAME}",
        "db psql",
    ):
        screen.print(f"  {command} {arguments}", soft_wrap=True)
