"""`embeddb search`: the nearest chunks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.inputs import filter_value, json_value
from embeddb.cli.common.opening import opened_store
from embeddb.cli.common.options import AsJson, Dsn, Filter, Limit, Name, Schema
from embeddb.cli.common.output import emit, out, say, snippet, table

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.records import Hit, SearchPlan
    from embeddb.repository.search.options import SearchFilters

Text = Annotated[str | None, typer.Argument(metavar="[TEXT]", help="What to look for.")]


def search(
    name: Name,
    text: Text = None,
    limit: Limit = 10,
    filter: Filter = None,
    max_distance: Annotated[
        float | None, typer.Option("--max-distance", help="Leave out what is farther.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Read every row instead of the index.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Run it, and print Postgres's plan with times.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Also tell by which way the chunks were found.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the statement, to be pasted into psql.")
    ] = False,
    vector: Annotated[
        str | None,
        typer.Option(
            "--vector", metavar="JSON", help="Search by this vector: JSON, @FILE, or - for stdin."
        ),
    ] = None,
    similar_to: Annotated[
        str | None, typer.Option("--similar-to", metavar="ID", help="Search by this document.")
    ] = None,
    dsn: Dsn = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Find the chunks nearest to a text, to a vector or to a document."""
    _check(text, vector, similar_to, exact=exact or explain or plan or sql)
    query: Any = text if vector is None else json_value(vector, "--vector")
    options: SearchFilters = {"filter": filter_value(filter), "max_distance": max_distance}
    with opened_store(dsn, schema) as store:
        collection = store.collection(name)
        if sql:
            _print("sql", collection.sql(query, limit, exact=exact, **options), as_json)
        elif explain:
            lines = collection.explain(query, limit, exact=exact, analyze=True, **options)
            _print("plan", lines, as_json)
        elif similar_to is not None:
            started = time.perf_counter()
            hits = collection.similar(similar_to, limit, **options)
            _show(hits, None, _ms(started), as_json)
        elif plan:
            vector_of, encode_ms = _encoded(collection, query)
            hits, found = collection.search_with_plan(vector_of, limit, exact=exact, **options)
            _show(hits, encode_ms, found.milliseconds, as_json, found)
        else:
            vector_of, encode_ms = _encoded(collection, query)
            started = time.perf_counter()
            hits = collection.search(vector_of, limit, exact=exact, **options)
            _show(hits, encode_ms, _ms(started), as_json)


def _check(text: str | None, vector: str | None, similar_to: str | None, *, exact: bool) -> None:
    if sum(given is not None for given in (text, vector, similar_to)) != 1:
        raise typer.BadParameter("Give one of TEXT, --vector and --similar-to.")
    if similar_to is not None and exact:
        raise typer.BadParameter(
            "--exact, --plan, --explain and --sql go with TEXT and --vector.",
            param_hint="--similar-to",
        )


def _encoded(collection: Collection, query: Any) -> tuple[Any, float | None]:  # noqa: ANN401
    """Encode a text apart from the search, which is what the time is asked for."""
    if not isinstance(query, str) or not query.strip():
        return query, None
    started = time.perf_counter()
    vector = collection.encoder.encode([query], "query")[0]
    return vector, _ms(started)


def _show(
    hits: list[Hit],
    encode_ms: float | None,
    search_ms: float,
    as_json: bool,
    plan: SearchPlan | None = None,
) -> None:
    if as_json:
        shown = {"hits": hits, "encode_ms": encode_ms, "search_ms": search_ms}
        emit(shown if plan is None else {**shown, "plan": plan})
        return
    out.print(
        table(
            ("score", "distance", "id", "chunk", "text"),
            (
                (f"{h.score:.3f}", f"{h.distance:.3f}", h.id, h.chunk_no, snippet(h.content))
                for h in hits
            ),
            right=("score", "distance", "chunk"),
            clip="text",
        )
    )
    loading = "" if encode_ms is None else f"; loading the model and encoding: {encode_ms:,.0f} ms"
    say(f"{len(hits)} chunks in {search_ms:,.1f} ms{loading}")
    if plan is not None:
        _show_plan(plan)


def _show_plan(plan: SearchPlan) -> None:
    from embeddb.repository.search.plans import facts as facts_of

    for line in facts_of(plan):
        say(line.removeprefix("-- "))


def _print(key: str, text: str, as_json: bool) -> None:
    if as_json:
        emit({key: text})
    else:
        say(text)


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
