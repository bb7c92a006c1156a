"""The part of a search's statement that reads codes."""

from __future__ import annotations

import re

import pytest

from embeddb.db.rendering import as_function_body, as_text
from embeddb.repository.search.compiler import Compiler
from embeddb.repository.search.shape import SearchShape
from embeddb.schema.catalog import CollectionRecord, Generation
from embeddb.schema.distances import Distance
from embeddb.schema.indexes import IVFPQ
from embeddb.schema.names import tables
from embeddb.schema.storage import Storage

SPEC = IVFPQ(lists=9, subvectors=3, probes=2, oversample=10)


def _compiler(
    index: IVFPQ = SPEC,
    distance: Distance = Distance.COSINE,
    *,
    schema: str = "embeddb",
    vector_schema: str = "public",
) -> Compiler:
    generation = Generation(
        number=1,
        dim=6,
        distance=distance,
        storage=Storage.VECTOR,
        model=None,
        normalize=False,
        chunker={},
        index=index,
        state="active",
    )
    record = CollectionRecord(name="docs", tables=tables(schema, "docs", 1), generation=generation)
    return Compiler(record, schema=schema, vector_schema=vector_schema)


@pytest.mark.parametrize(
    "index", [IVFPQ(), IVFPQ(lists=9), IVFPQ(lists=9, probes=2), IVFPQ(subvectors=3)]
)
def test_a_spec_that_is_not_built_is_compiled_to_exact_search(index: IVFPQ) -> None:
    text, given = as_text(_compiler(index).select(SearchShape(filter=True)))
    assert "docs_g1_codes" not in text
    assert not given


def test_probes_and_oversample_come_from_the_spec() -> None:
    text, _ = as_text(_compiler().select(SearchShape(limit=7)))
    assert re.search(
        r'ORDER BY l\.centroid OPERATOR\("?public"?\.<=>\) asked\.query\s+LIMIT 2\)', text
    )
    assert re.search(r"ORDER BY near\.apart\s+LIMIT 70\)", text)
    assert text.count("pg_catalog.get_byte(") == 3
    assert "array_length(asked.words, 1) = 3" in text


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (Distance.COSINE, r"\(-\(nearest_lists\.product \+ .*\)\) \* k\.correction AS apart"),
        (Distance.L2, r"k\.correction - 2::real \* \(nearest_lists\.product \+ .*\) AS apart"),
        (Distance.INNER_PRODUCT, r"\(-\(nearest_lists\.product .*\)\) \* k\.correction AS apart"),
    ],
)
def test_each_distance_has_its_order(distance: Distance, expected: str) -> None:
    text, _ = as_text(_compiler(distance=distance).select(SearchShape()))
    assert re.search(expected, text)
    assert ("l2_normalize" in text) == (distance is Distance.COSINE)


def test_the_lookup_table_may_be_left_to_the_statement() -> None:
    _, given = as_text(_compiler().select(SearchShape()))
    assert given == {"codebook": None, "words": None}
    body = as_function_body(
        _compiler(schema='100% "own"', vector_schema="50% ext").select(
            SearchShape(limit=None, filter=True, max_distance=True)
        )
    )
    assert '"100% ""own"""."docs_g1_table"(' in body or '"100% ""own""".docs_g1_table(' in body
    assert "%%" not in body
    assert set(re.findall(r"\$\d", body)) == {"$1", "$2", "$3", "$4"}


def test_a_filter_and_an_id_to_leave_out_are_asked_of_the_codes() -> None:
    text, _ = as_text(_compiler().select(SearchShape(filter=True, without=True)))
    lists = text[text.index("candidates AS") : text.index("scanned AS")]
    assert "k.id != %(without)s" in lists
    assert "d.id = k.id" in lists


def test_as_many_subvectors_as_there_may_be_can_be_compiled() -> None:
    index = IVFPQ(lists=9, subvectors=1_000, probes=2)
    text, _ = as_text(_compiler(index).select(SearchShape()))
    assert text.count("get_byte") == 1_000
