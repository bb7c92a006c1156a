"""The compiler: what a search's statement consists of."""

from __future__ import annotations

import itertools
import re

import pytest

from embeddb.db.rendering import as_function_body, as_text
from embeddb.repository.search.shape import SearchShape
from embeddb.repository.search.strategies import MOST_NEAREST
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import HNSW, IndexSpec, IVFFlat
from embeddb.schema.storage import Storage
from tests.support.compilers import compiler
from tests.support.generations import transform

ON_HNSW = {"hnsw.iterative_scan": "relaxed_order"}
ON_IVFFLAT = {"ivfflat.iterative_scan": "relaxed_order", "ivfflat.probes": "3"}
PAIRS = [
    (storage, distance)
    for storage, distance in itertools.product(Storage, Distance)
    if (storage is Storage.BIT) == distance.of_bits
]
INDEXES: list[IndexSpec | None] = [None, HNSW(), HNSW(on="bit2"), IVFFlat(9, 3)]
WISHES = [
    SearchShape(limit=limit, filter=filter, max_distance=bound, exact=exact, without=without)
    for limit, filter, bound, exact, without in itertools.product(
        (10, None), (False, True), (False, True), (False, True), (False, True)
    )
]


def _text(index: IndexSpec | None, shape: SearchShape, **options: object) -> str:
    return as_text(compiler(index, **options).select(shape))[0]  # type: ignore[arg-type]


def _settings(index: IndexSpec | None, shape: SearchShape) -> dict[str, str]:
    found = re.findall(r"set_config\('([\w.]+)', '(\w+)', true\)", _text(index, shape))
    return dict(found)


@pytest.mark.parametrize(
    ("index", "shape", "expected"),
    [
        (None, SearchShape(limit=500), {}),
        (HNSW(), SearchShape(limit=10), ON_HNSW),
        (HNSW(), SearchShape(limit=40), ON_HNSW),
        (HNSW(), SearchShape(without=True), ON_HNSW),
        (HNSW(), SearchShape(limit=41), ON_HNSW | {"hnsw.ef_search": "41"}),
        (HNSW(ef_search=100), SearchShape(limit=10), ON_HNSW | {"hnsw.ef_search": "100"}),
        (HNSW(ef_search=100), SearchShape(limit=300), ON_HNSW | {"hnsw.ef_search": "300"}),
        (HNSW(), SearchShape(limit=1001), ON_HNSW | {"hnsw.ef_search": "1000"}),
        (HNSW(ef_search=100), SearchShape(exact=True, filter=True), {}),
        (IVFFlat(9, 3), SearchShape(limit=10), ON_IVFFLAT),
        (IVFFlat(9, 3), SearchShape(filter=True), ON_IVFFLAT),
        # candidates are what the scan has to find, and of codes more are looked at
        (HNSW(on="subvector:2", oversample=4), SearchShape(limit=10), ON_HNSW),
        (
            HNSW(on="subvector:2", oversample=5),
            SearchShape(limit=10),
            ON_HNSW | {"hnsw.ef_search": "50"},
        ),
        (HNSW(on="bit", oversample=2), SearchShape(limit=10), ON_HNSW),
        (HNSW(on="bit2", oversample=5), SearchShape(limit=10), ON_HNSW | {"hnsw.ef_search": "100"}),
        (HNSW(ef_search=9, on="bit"), SearchShape(limit=1), ON_HNSW | {"hnsw.ef_search": "20"}),
        (
            HNSW(on="bit", oversample=500),
            SearchShape(limit=10),
            ON_HNSW | {"hnsw.ef_search": "1000"},
        ),
        (HNSW(on="halfvec"), SearchShape(limit=10), ON_HNSW),
    ],
)
def test_a_statement_sets_what_its_scan_needs_and_no_more(
    index: IndexSpec | None, shape: SearchShape, expected: dict[str, str]
) -> None:
    assert _settings(index, shape) == expected


@pytest.mark.parametrize("index", [HNSW(), HNSW(on="bit"), IVFFlat(9, 3)])
def test_a_filtered_scan_looks_at_more_of_the_nearest_the_narrower_the_filter(
    index: HNSW | IVFFlat,
) -> None:
    text = _text(index, SearchShape(filter=True))
    wide = text[text.index("nearest_of_all AS") : text.index("scanned AS")]
    assert re.search(r"LIMIT CAST\(pg_catalog\.ceil\(.*sample\.passed", wide, re.S)
    assert f"LIMIT {MOST_NEAREST})" in wide
    assert "filter_path" not in wide, "what passes is asked of the nearest, not of the scan"
    if index.method == "hnsw":
        assert re.search(r"set_config\('hnsw.ef_search', [^']*sample\.passed", text)


@pytest.mark.parametrize("index", INDEXES)
def test_whatever_a_statement_sets_is_put_back_by_the_function(index: IndexSpec | None) -> None:
    made = compiler(index)
    for shape in WISHES:
        text = as_text(made.select(shape))[0]
        assert set(re.findall(r"set_config\('([\w.]+)'", text)) <= set(made.names())
        assert text.count("set_config(") == text.count(", true) AS")


@pytest.mark.parametrize("distance", [distance for distance in Distance if not distance.of_bits])
@pytest.mark.parametrize("storage", [Storage.VECTOR, Storage.HALFVEC])
def test_the_order_is_the_index_s_own_expression(distance: Distance, storage: Storage) -> None:
    options = {"storage": storage, "distance": distance, "vector_schema": "Ext"}
    text = _text(HNSW(), SearchShape(), **options)
    assert f'c.embedding OPERATOR("Ext".{distance.operator})' in text
    assert f'"Ext".{storage.label})' in text
    assert re.search(r"ORDER BY distance\s+LIMIT 10", text)
    exact = _text(HNSW(), SearchShape(exact=True), **options)
    assert not re.search(r"ORDER BY distance\s+LIMIT", exact)


@pytest.mark.parametrize(
    "on", [None, "halfvec", "bit", "bit2", "bit3", "subvector:2", "pca:2", "subvector:1"]
)
@pytest.mark.parametrize(("storage", "distance"), PAIRS)
@pytest.mark.parametrize("vector_schema", ["public", 'Ext "100%"'])
def test_a_scan_is_ordered_by_what_the_index_is_defined_on(
    storage: Storage, distance: Distance, on: str | None, vector_schema: str
) -> None:
    if storage is Storage.BIT and on is not None:
        return
    leading = transform(3, leading=True) if on == "pca:2" else None
    made = compiler(
        HNSW(on=on),
        storage=storage,
        distance=distance,
        transform=leading,
        vector_schema=vector_schema,
    )
    definition = made.vectors.index_expression().as_string()[1:-1]
    compared = re.sub(r"\b(embedding|scale)\b", r"c.\1", definition)
    operator = made.vectors.held.distance.operator.replace("%", "%%")
    text = as_text(made.select(SearchShape()))[0]
    schema = '"' + vector_schema.replace('"', '""').replace("%", "%%") + '"'
    assert f"{compared} OPERATOR({schema}.{operator})" in text


@pytest.mark.parametrize("index", [HNSW(on="bit"), IVFFlat(9, 3, on="subvector:2", oversample=7)])
def test_candidates_are_rescored_by_what_is_stored(index: HNSW | IVFFlat) -> None:
    text = _text(index, SearchShape(limit=10))
    candidates = {"hnsw": 200, "ivfflat": 70}[index.method]
    assert re.search(rf"LIMIT {candidates}\), \s*nearest AS MATERIALIZED", text)
    last = text[text.index("nearest AS MATERIALIZED") :]
    assert re.search(r"ORDER BY candidates\.distance \+ 0::double precision\s+LIMIT 10\)", last)
    assert "c.embedding OPERATOR(" in text


def test_a_threshold_stands_outside_of_the_scan() -> None:
    text = _text(HNSW(), SearchShape(max_distance=True))
    assert text.index("LIMIT 10") < text.index("max_distance")


@pytest.mark.parametrize("index", INDEXES)
def test_every_part_of_a_statement_is_worked_out_once(index: IndexSpec | None) -> None:
    for shape in WISHES:
        text = _text(index, shape)
        parts = re.findall(r"(\w+) AS (\w+)?\s*\n?\(SELECT", text)
        assert parts
        assert {how for _, how in parts} == {"MATERIALIZED"}, text
        names = [name for name, _ in parts]
        assert len(set(names)) == len(names)
        assert text.startswith("WITH ")


@pytest.mark.parametrize("index", [HNSW(), HNSW(on="bit"), IVFFlat(9, 3)])
def test_a_filter_is_sampled_and_probed_once(index: IndexSpec) -> None:
    text = _text(index, SearchShape(filter=True))
    assert text.count("TABLESAMPLE") == 1
    assert len(re.findall(r"\bpassing AS", text)) == 1
    assert len(re.findall(r"LIMIT 2001\b", text)) == 1
    # compiled once for the sample, the probe, the scans, and the rest
    assert text.count("filter_path(") == 1


@pytest.mark.parametrize("index", INDEXES)
def test_without_a_filter_or_an_index_nothing_is_sampled(index: IndexSpec | None) -> None:
    assert "TABLESAMPLE" not in _text(index, SearchShape())
    assert "TABLESAMPLE" not in _text(index, SearchShape(filter=True, exact=True))
    assert "TABLESAMPLE" not in _text(None, SearchShape(filter=True))


def test_the_sample_is_of_the_documents_and_of_nothing_else() -> None:
    made = compiler(HNSW())
    columns = made.documents.c
    for condition in (
        True,
        columns.content.like("a%"),
        columns.id.in_(["a"]) & columns.uri.is_(None),
    ):
        text = as_text(made.select(SearchShape(filter=condition)))[0]
        sample = text[: text.index("passing AS")]
        assert "FROM embeddb.docs AS s TABLESAMPLE" in sample
        assert "AS d" not in sample
        assert not re.search(r"\bd\.", sample)


def test_a_plan_is_told_only_where_it_is_asked_for() -> None:
    assert re.search(r"nearest\.plan\s+FROM", _text(HNSW(), SearchShape(filter=True, plan=True)))
    assert not re.search(r"nearest\.plan\s+FROM", _text(HNSW(), SearchShape(filter=True)))


def test_no_value_is_written_into_a_statement() -> None:
    made = compiler(HNSW())
    hostile = "'; DROP TABLE docs; --"
    text, given = as_text(made.select(SearchShape(filter=made.documents.c.content == hostile)))
    assert hostile not in text
    assert hostile in given.values()


@pytest.mark.parametrize(("storage", "distance"), PAIRS)
@pytest.mark.parametrize("filtered", [False, True])
def test_a_function_s_body_has_numbered_parameters_only(
    filtered: bool, storage: Storage, distance: Distance
) -> None:
    shape = SearchShape(limit=None, filter=filtered, max_distance=True)
    for on in (None,) if storage is Storage.BIT else (None, "bit", "bit2", "subvector:2"):
        made = compiler(
            HNSW(on=on),
            storage=storage,
            distance=distance,
            schema='100% "own"',
            vector_schema="50% ext",
        )
        body = as_function_body(made.select(shape))
        assert "%(" not in body
        assert "%%" not in body
        assert '"100% ""own"""."docs_g1"' in body or '"100% ""own""".docs_g1' in body
        assert f'OPERATOR("50% ext".{distance.operator})' in body
        numbers = {"$1", "$2", "$4"} | ({"$3"} if filtered else set())
        assert set(re.findall(r"\$\d+", body)) == numbers
