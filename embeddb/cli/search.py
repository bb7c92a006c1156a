"""`embeddb search`: the nearest chunks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.inputs import filter_value, json_value
from embeddb.cli.common.options import Filter, Limit, Name
from embeddb.cli.common.output import out, record_fields, say, snippet, table

if TYPE_CHECKING:
    from embeddb.collection import Collection
    from embeddb.records import Hit, SearchPlan
    from embeddb.repository.search.options import SearchFilters


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """What a search found, and how long it took."""

    hits: list[Hit]
    encode_ms: float | None = None
    search_ms: float
    plan: SearchPlan | None = None

    def to_json(self) -> dict[str, Any]:
        data = record_fields(self)
        if self.plan is None:
            del data["plan"]
        else:
            data["plan"] = record_fields(self.plan) | {"ways": self.plan.ways}
        return data


@with_groups
def search(
    name: Name,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The text to search for.")
    ] = None,
    *,
    limit: Limit = 10,
    filter: Filter = None,
    max_distance: Annotated[
        float | None,
        typer.Option("--max-distance", help="Leave out chunks that are farther than this."),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Read every row instead of the index.")
    ] = False,
    vector: Annotated[
        str | None,
        typer.Option(
            "--vector",
            metavar="JSON",
            help="Search by this vector: JSON, `@FILE`, or `-` for stdin.",
        ),
    ] = None,
    similar_to: Annotated[
        str | None,
        typer.Option(
            "--similar-to", metavar="ID", help="Search by this document, and leave it out."
        ),
    ] = None,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Also show how the chunks were found, and the rows read."),
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Run the search, and show Postgres's plan of it.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the statement, ready for psql, and do not run it.")
    ] = False,
    ctx: CommandContext,
) -> None:
    """Find the chunks nearest to a text, to a vector or to a document.

    The time shown is that of the search alone. For a text, the time that it took to load the model
    and to encode the text is shown beside it.

    ```sh
    embeddb search notes "how do I restart a cluster" --limit 5 --filter '{"year": {"$gte": 2020}}'
    ```
    """
    _check(text, vector, similar_to, other=exact or explain or plan or sql)
    query: Any = text if vector is None else json_value(vector, "--vector")
    options: SearchFilters = {"filter": filter_value(filter), "max_distance": max_distance}
    with ctx.store() as store:
        collection = store.collection(name)
        if sql:
            statement = collection.sql(query, limit, exact=exact, **options)
            ctx.print({"sql": statement}, statement)
        elif explain:
            lines = collection.explain(query, limit, exact=exact, analyze=True, **options)
            ctx.print({"plan": lines}, lines)
        elif similar_to is not None:
            started = time.perf_counter()
            hits = collection.similar(similar_to, limit, **options)
            _show(ctx, _Answer(hits=hits, search_ms=_ms(started)))
        else:
            answer = _answer(collection, query, limit, exact=exact, plan=plan, options=options)
            _show(ctx, answer)


def _check(text: str | None, vector: str | None, similar_to: str | None, *, other: bool) -> None:
    if sum(given is not None for given in (text, vector, similar_to)) != 1:
        raise typer.BadParameter("Give one of TEXT, --vector and --similar-to.")
    if similar_to is not None and other:
        raise typer.BadParameter(
            "It does not go with --exact, --plan, --explain and --sql.", param_hint="--similar-to"
        )


def _answer(
    collection: Collection,
    query: Any,  # noqa: ANN401  # a text, or whatever JSON was given as a vector
    limit: int,
    *,
    exact: bool,
    plan: bool,
    options: SearchFilters,
) -> _Answer:
    from embeddb.encoders.media import encode_batch

    encode_ms = None
    if isinstance(query, str) and query.strip():  # encoded apart: the time asked for is the search
        started = time.perf_counter()
        query = encode_batch(collection.encoder, [query], "query")[0]
        encode_ms = _ms(started)
    if plan:
        hits, found = collection.search_with_plan(query, limit, exact=exact, **options)
        return _Answer(hits=hits, encode_ms=encode_ms, search_ms=found.milliseconds, plan=found)
    started = time.perf_counter()
    hits = collection.search(query, limit, exact=exact, **options)
    return _Answer(hits=hits, encode_ms=encode_ms, search_ms=_ms(started))


def _show(ctx: CommandContext, answer: _Answer) -> None:
    ctx.print(answer.to_json(), lambda _: _print(answer))


def _print(answer: _Answer) -> None:
    rows = (
        (f"{hit.score:.3f}", f"{hit.distance:.3f}", hit.id, hit.chunk_no, snippet(hit.content))
        for hit in answer.hits
    )
    columns = ("score", "distance", "id", "chunk", "text")
    out.print(table(columns, rows, right=("score", "distance", "chunk"), clip="text"))
    loading = ""
    if answer.encode_ms is not None:
        loading = f"; loading the model and encoding: {answer.encode_ms:,.0f} ms"
    say(f"{len(answer.hits)} chunks in {answer.search_ms:,.1f} ms{loading}")
    if answer.plan is not None:
        _print_plan(answer.plan)


def _print_plan(plan: SearchPlan) -> None:
    from embeddb.repository.search.plans import facts

    for line in facts(plan):
        say(line.removeprefix("-- "))


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
