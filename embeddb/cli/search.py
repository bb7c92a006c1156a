"""`embeddb search`: the nearest chunks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embeddb.cli.common.context import CommandContext
from embeddb.cli.common.groups import with_groups
from embeddb.cli.common.inputs import filter_value, number, vector_value
from embeddb.cli.common.options import Filter, Limit, Name
from embeddb.cli.common.output import err, out, record_fields, say
from embeddb.cli.common.passages import passage
from embeddb.cli.common.tables import shown
from embeddb.cli.nothing_found import why_nothing

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
        typer.Option(
            "--max-distance",
            callback=number,
            help="Leave out chunks that are farther than this.",
        ),
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
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            callback=number,
            help="Give up a search that takes longer.",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Show whole chunks instead of a few lines of each.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the statement, ready for psql, and do not run it.")
    ] = False,
    ctx: CommandContext,
) -> None:
    """Find the chunks nearest to a text, to a vector or to a document.

    Of each chunk it shows the few lines that have most of the words of the text; on a terminal the
    words are highlighted. If nothing is found, it says why on stderr, and the exit code is 0.

    The time shown is that of the search alone. For a text, the time that it took to load the model
    and to encode the text is shown beside it.

    ```sh
    embeddb search notes "how do I restart a cluster" --limit 5 --filter '{"year": {"$gte": 2020}}'
    ```
    """
    _check(text, vector, similar_to, other=exact or explain or plan or sql)
    if timeout is not None and (plan or explain or sql):
        raise typer.BadParameter(
            "It does not go with --plan, --explain and --sql.", param_hint="--timeout"
        )
    query: Any = text if vector is None else vector_value(vector)
    options: SearchFilters = {"filter": filter_value(filter), "max_distance": max_distance}
    with ctx.store() as store:
        collection = store.collection(name)
        if sql:
            statement = collection.sql(query, limit, exact=exact, **options)
            ctx.print({"sql": statement}, statement)
        elif explain:
            lines = collection.explain(query, limit, exact=exact, analyze=True, **options)
            ctx.print({"plan": lines}, lines)
        else:
            answer, again = _answer(
                collection,
                (query, similar_to),
                limit,
                exact=exact,
                plan=plan,
                timeout=timeout,
                options=options,
            )
            ctx.print(answer.to_json(), lambda _: _print(answer, text, full=full))
            if not (answer.hits or ctx.as_json):
                reason = why_nothing(collection, options, again)
                err.print(shown(f"Nothing found. {reason}"), soft_wrap=True)


def _check(text: str | None, vector: str | None, similar_to: str | None, *, other: bool) -> None:
    if sum(given is not None for given in (text, vector, similar_to)) != 1:
        raise typer.BadParameter("Give one of TEXT, --vector and --similar-to.")
    if similar_to is not None and other:
        raise typer.BadParameter(
            "It does not go with --exact, --plan, --explain and --sql.", param_hint="--similar-to"
        )


def _answer(
    collection: Collection,
    asked: tuple[Any, str | None],
    limit: int,
    *,
    exact: bool,
    plan: bool,
    timeout: float | None,
    options: SearchFilters,
) -> tuple[_Answer, Callable[[SearchFilters], list[Hit]]]:
    """Return what a search finds, and what searches again with other options.

    It is asked with a text or a vector, whatever JSON was given as one, or with a document's id.
    """
    from embeddb.encoders.media import encode_batch

    query, similar_to = asked
    if similar_to is not None:
        started = time.perf_counter()
        hits = collection.similar(similar_to, limit, timeout=timeout, **options)
        answer = _Answer(hits=hits, search_ms=_ms(started))
        return answer, lambda others: collection.similar(similar_to, 1, **others)
    encode_ms = None
    if isinstance(query, str) and query.strip():  # encoded apart: the time asked for is the search
        started = time.perf_counter()
        query = encode_batch(collection.encoder, [query], "query")[0]
        encode_ms = _ms(started)

    def again(others: SearchFilters) -> list[Hit]:
        return collection.search(query, 1, exact=exact, **others)

    if plan:
        hits, found = collection.search_with_plan(query, limit, exact=exact, **options)
        answer = _Answer(hits=hits, encode_ms=encode_ms, search_ms=found.milliseconds, plan=found)
        return answer, again
    started = time.perf_counter()
    hits = collection.search(query, limit, exact=exact, timeout=timeout, **options)
    return _Answer(hits=hits, encode_ms=encode_ms, search_ms=_ms(started)), again


def _print(answer: _Answer, text: str | None, *, full: bool) -> None:
    for place, hit in enumerate(answer.hits, start=1):
        out.print(passage(hit, place, text, out, full=full))
        out.print()
    loading = ""
    if answer.encode_ms is not None:
        loading = f"; loading the model and encoding: {answer.encode_ms:,.0f} ms"
    if answer.hits:
        say(f"{len(answer.hits)} chunks in {answer.search_ms:,.1f} ms{loading}")
    if answer.plan is not None:
        _print_plan(answer.plan)


def _print_plan(plan: SearchPlan) -> None:
    from embeddb.repository.search.plans import facts

    for line in facts(plan):
        say(line.removeprefix("-- "))


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
