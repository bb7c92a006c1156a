"""The compiler: what a search's statement consists of."""

from __future__ import annotations

import re

import pytest

from embeddb.repository.statement import Compiler, Wish, as_function_body, as_text
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import HNSW, IndexSpec, IVFFlat
from embeddb.schema.names import tables
from embeddb.schema.storage import Storage

FILTERED = Wish(filter=True)
ON_HNSW = {"hnsw.iterative_scan": "relaxed_order"}
ON_IVFFLAT = {"ivfflat.iterative_scan": "relaxed_order", "ivfflat.probes": "3"}


def _compiler(
    index: IndexSpec | None = None,
    *,
    distance: Distance = Distance.COSINE,
    storage: Storage = Storage.VECTOR,
    schema: str = "embeddb",
    vector_schema: str = "public",
) -> Compiler:
    generation = Generation(
        number=1,
        dim=3,
        distance=distance,
        storage=storage,
        model=None,
        normalize=False,
        chunker={},
        index=index,
        state="active",
    )
    record = CollectionRecord(name="docs", tables=tables(schema, "docs", 1), generation=generation)
    return Compiler(record, schema=schema, vector_schema=vector_schema)


def _settings(index: IndexSpec | None, wish: Wish) -> dict[str, str]:
    text, _ = as_text(_compiler(index).select(wish))
    return dict(re.findall(r"set_config\('([\w.]+)', '(\w+)', true\)", text))


@pytest.mark.parametrize(
    ("index", "wish", "expected"),
    [
        (None, Wish(limit=500), {}),
        (HNSW(), Wish(limit=10), ON_HNSW),
        (HNSW(), Wish(limit=40), ON_HNSW),
        (HNSW(), FILTERED, ON_HNSW),
        (HNSW(), Wish(without=True), ON_HNSW),
        (HNSW(), Wish(limit=41), ON_HNSW | {"hnsw.ef_search": "41"}),
        (HNSW(ef_search=100), Wish(limit=10), ON_HNSW | {"hnsw.ef_search": "100"}),
        (HNSW(ef_search=100), Wish(limit=300), ON_HNSW | {"hnsw.ef_search": "300"}),
        (HNSW(), Wish(limit=1001), ON_HNSW | {"hnsw.ef_search": "1000"}),
        (HNSW(ef_search=100), Wish(exact=True, filter=True), {}),
        (IVFFlat(9, 3), Wish(limit=10), ON_IVFFLAT),
        (IVFFlat(9, 3), FILTERED, ON_IVFFLAT),
    ],
)
def test_a_statement_sets_what_its_scan_needs_and_no_more(
    index: IndexSpec | None, wish: Wish, expected: dict[str, str]
) -> None:
    assert _settings(index, wish) == expected


@pytest.mark.parametrize("distance", list(Distance))
@pytest.mark.parametrize("storage", list(Storage))
def test_the_order_is_the_index_s_own_expression(distance: Distance, storage: Storage) -> None:
    compiler = _compiler(HNSW(), distance=distance, storage=storage, vector_schema="Ext")
    text, _ = as_text(compiler.select(Wish()))
    assert f'c.embedding OPERATOR("Ext".{distance.operator})' in text
    assert f'"Ext".{storage.label})' in text
    assert re.search(r"ORDER BY distance\s+LIMIT 10", text)
    exact, _ = as_text(compiler.select(Wish(exact=True)))
    assert not re.search(r"ORDER BY distance\s+LIMIT", exact)


def test_a_threshold_stands_outside_of_the_scan() -> None:
    text, _ = as_text(_compiler(HNSW()).select(Wish(max_distance=True)))
    assert text.index("LIMIT 10") < text.index("max_distance")


def test_no_value_is_written_into_a_statement() -> None:
    compiler = _compiler(HNSW())
    hostile = "'; DROP TABLE docs; --"
    wish = Wish(filter=compiler.documents.c.content == hostile)
    text, given = as_text(compiler.select(wish))
    assert hostile not in text
    assert hostile in given.values()


@pytest.mark.parametrize("filtered", [False, True])
def test_a_function_s_body_has_numbered_parameters_only(filtered: bool) -> None:
    wish = Wish(limit=None, filter=filtered, max_distance=True)
    compiler = _compiler(HNSW(), schema='100% "own"', vector_schema="50% ext")
    body = as_function_body(compiler.select(wish))
    assert "%(" not in body
    assert "%%" not in body
    assert '"100% ""own"""."docs_g1"' in body or '"100% ""own""".docs_g1' in body
    assert 'OPERATOR("50% ext".<=>)' in body
    assert set(re.findall(r"\$\d", body)) == {"$1", "$2", "$4"} | ({"$3"} if filtered else set())
