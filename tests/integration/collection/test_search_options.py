"""Every search of a collection takes the same options, and refuses what is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

import embeddb
from embeddb import HNSW, Collection
from embeddb.repository.search.options import SearchFilters, SearchOptions
from tests.support.vectors import as_documents, clustered

DIM = 12
VECTORS = clustered(200, DIM, seed=5)
QUERY = VECTORS[0]


def sent(docs: Collection, **options: Any) -> list[str]:  # noqa: ANN401
    """Send what `sql` writes."""
    statement = docs.sql(QUERY, 50, **options)
    with psycopg.connect(docs._database.url) as connection:
        return [row[0] for row in connection.execute(statement.encode())]


def selected(docs: Collection, **options: Any) -> list[str]:  # noqa: ANN401
    """Execute what `select` makes, in a session of the caller's."""
    url = docs._database.url.replace("postgresql:", "postgresql+psycopg:")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return [row.id for row in connection.execute(docs.select(QUERY, 50, **options))]


def ids(hits: list[embeddb.Hit]) -> list[str]:
    return [hit.id for hit in hits]


Found = Callable[..., list[str]]

WITH_EXACT: dict[str, Found] = {
    "search": lambda docs, **options: ids(docs.search(QUERY, 50, **options)),
    "search_with_plan": lambda docs, **options: ids(docs.search_with_plan(QUERY, 50, **options)[0]),
    "sql": sent,
}
WITHOUT_EXACT: dict[str, Found] = {
    "search_many": lambda docs, **options: ids(docs.search_many([QUERY], 50, **options)[0]),
    "select": selected,
}

CALLS: dict[str, Callable[..., object]] = {
    **WITH_EXACT,
    **WITHOUT_EXACT,
    "plan": lambda docs, **options: docs.plan(QUERY, 50, **options),
    "explain": lambda docs, **options: docs.explain(QUERY, 50, **options),
    "similar": lambda docs, **options: docs.similar("v0", 50, **options),
}
TAKE_EXACT = {*WITH_EXACT, "plan", "explain"}

VALUES: SearchOptions = {
    "filter": {"number": {"$lt": 150}},
    "max_distance": 0.5,
    "exact": True,
}
"""A value for each option: one that is new needs one here, and has to be taken by every search."""


@pytest.fixture
def docs(store: embeddb.Store) -> Collection:
    docs = store.create_collection("docs", model=None, dim=DIM, index=HNSW(ef_search=400))
    docs.add(as_documents(VECTORS))
    return docs


def test_every_search_takes_every_option(docs: Collection, subtests: pytest.Subtests) -> None:
    assert set(VALUES) == SearchOptions.__optional_keys__
    for name, call in CALLS.items():
        known = SearchOptions if name in TAKE_EXACT else SearchFilters
        for option, value in VALUES.items():
            with subtests.test(name, option=option):
                if option in known.__optional_keys__:
                    call(docs, **{option: value})
                else:
                    with pytest.raises(TypeError, match=f"'{option}'"):
                        call(docs, **{option: value})


def test_every_search_finds_the_same_by_the_same_options(
    docs: Collection, subtests: pytest.Subtests
) -> None:
    filters: SearchFilters = {"filter": VALUES["filter"], "max_distance": 0.5}
    distances = {hit.id: hit.distance for hit in docs.search(QUERY, 200)}
    near = [name for name, far in distances.items() if far <= 0.5 and int(name[1:]) < 150]
    assert 0 < len(near[:50]) < len(distances)
    for name, find in (WITH_EXACT | WITHOUT_EXACT).items():
        with subtests.test(name):
            assert find(docs, **filters) == near[:50]
    for name, find in WITH_EXACT.items():
        with subtests.test(name, exact=True):
            assert find(docs, exact=True, **filters) == near[:50]
    assert docs.plan(QUERY, 50, **filters).returned == len(near[:50])
    others = [name for name in near if name != "v0"]
    assert ids(docs.similar("v0", 50, **filters)) == others[:50]


def test_an_unknown_option_is_a_type_error_that_names_it(
    docs: Collection, subtests: pytest.Subtests
) -> None:
    for name, call in CALLS.items():
        for unknown in ("metric", "without", "layout", "known"):
            with subtests.test(name, unknown=unknown), pytest.raises(TypeError, match=unknown):
                call(docs, **{unknown: 1})


@pytest.mark.parametrize("name", CALLS)
def test_help_names_the_options(name: str) -> None:
    text = getattr(Collection, name).__doc__
    known = SearchOptions if name in TAKE_EXACT else SearchFilters
    assert all(f"`{option}`" in text for option in known.__optional_keys__)
    assert f"`{known.__name__}`" in text
    assert all(f"{option}:" in (known.__doc__ or "") for option in known.__optional_keys__)
