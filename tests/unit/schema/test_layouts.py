"""Layouts as data: what they refuse, the part of a value, and what a filter asks of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb import HNSW, IVFPQ, HashPartitions, ListPartitions, PartialIndexes
from embeddb.errors import ConfigurationError, IndexSpecError, InvalidMetadataError
from embeddb.schema.index_rules import resolve_index
from embeddb.schema.layouts import (
    MAX_PART_BYTES,
    Layout,
    chosen,
    from_json,
    part_of,
    rows_each,
    to_json,
)
from embeddb.schema.names import check_name, tables
from tests.support.generations import generation

LAYOUTS: list[Layout | None] = [
    None,
    HashPartitions("tenant"),
    HashPartitions("author.name", 256),
    ListPartitions("lang", ("en", "é", 1, True)),
    PartialIndexes("lang", ("en", "a'b")),
]

scalars = st.text(max_size=4) | st.integers() | st.booleans() | st.floats()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_catalog_gives_a_layout_back_as_it_was(layout: Layout | None) -> None:
    assert from_json(to_json(layout)) == layout


def test_nothing_is_written_of_no_layout() -> None:
    assert to_json(None) == {}


def test_values_given_as_a_list_are_kept_as_a_tuple() -> None:
    assert ListPartitions("lang", ["en"]).values == ("en",)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("", "needs the name"),
        (" ", "needs the name"),
        (1, "needs the name"),
        ("$and", "names no field"),
        ("a..b", "names no field"),
        (".a", "names no field"),
        ("a\0", "names no field"),
        ("\ud800", "names no field"),
    ],
)
def test_what_is_no_field_is_refused(field: Any, problem: str) -> None:  # noqa: ANN401
    with pytest.raises(ConfigurationError, match=problem):
        HashPartitions(field)
    with pytest.raises(ConfigurationError, match=problem):
        PartialIndexes(field, ("a",))


@pytest.mark.parametrize("partitions", [0, 1, 257, 2.0, True, "16", None])
def test_a_number_of_partitions_out_of_its_range_is_refused(partitions: Any) -> None:  # noqa: ANN401
    with pytest.raises(ConfigurationError, match="from 2 to 256"):
        HashPartitions("tenant", partitions)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ((), "1 to 256 values"),
        (tuple(map(str, range(257))), "1 to 256 values"),
        ("en", "a list of them"),
        (None, "a list of them"),
        (("",), "can be no value"),
        ((None,), "can be no value"),
        ((1.5,), "can be no value"),
        ((["a"],), "can be no value"),
        (("a\0",), "can be no value"),
        (("x" * (MAX_PART_BYTES + 1),), "can be no value"),
        (("a", "a"), "twice"),
        ((1, 1.0), "twice"),
    ],
)
def test_values_that_cannot_be_ones_are_refused(values: Any, problem: str) -> None:  # noqa: ANN401
    for layout in (ListPartitions, PartialIndexes):
        with pytest.raises(ConfigurationError, match=problem):
            layout("lang", values)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("a", "a"),
        ("42", "42"),
        (42, "=42"),
        (42.0, "=42"),
        (-0.0, "=0"),
        ("=42", "==42"),
        (True, "=true"),
        ("true", "true"),
        ("", ""),
        (None, ""),
        (1.5, ""),
        (float("nan"), ""),
        (float("inf"), ""),
        (1e18, "=1000000000000000000"),
        (1e19, ""),
        (2**63, "=9223372036854775808"),
        ("x" * MAX_PART_BYTES, "x" * MAX_PART_BYTES),
        ("é" * MAX_PART_BYTES, ""),
        (["a"], ""),
        ({"a": 1}, ""),
    ],
)
def test_the_part_of_a_value(value: object, part: str) -> None:
    assert part_of(value) == part


@given(scalars, scalars)
def test_values_have_the_same_part_only_where_a_filter_finds_them_equal(
    one: object, other: object
) -> None:
    if part_of(one) and part_of(one) == part_of(other):
        assert one == other
        assert isinstance(one, bool) == isinstance(other, bool)


def test_a_document_s_part_is_found_along_the_path_of_its_field() -> None:
    layout = HashPartitions("author.name")
    assert layout.part("d", {"author": {"name": "Ada"}}) == "Ada"
    assert layout.part("d", {"author.name": "Ada"}) == ""
    assert layout.part("d", {"author": "Ada"}) == ""
    assert layout.part("d", {}) == ""
    assert HashPartitions(r"author\.name").part("d", {"author.name": "Ada"}) == "Ada"


@pytest.mark.parametrize("metadata", [{"a": {"b": ["x"]}}, {"a": [{"b": "x"}]}, {"a": []}])
def test_a_list_in_the_field_is_refused_since_a_filter_would_look_into_it(
    metadata: dict[str, Any],
) -> None:
    with pytest.raises(InvalidMetadataError, match=r"'d' has a list in 'a\.b'"):
        HashPartitions("a.b").part("d", metadata)


@pytest.mark.parametrize(
    ("filter", "part", "rest"),
    [
        ({"lang": "en"}, "en", {}),
        ({"lang": {"$eq": "en"}}, "en", {}),
        ({"lang": "en", "year": 2020}, "en", {"year": 2020}),
        ({"lang": {"$eq": "en", "$ne": "de"}}, None, None),
        ({"lang": {"$in": ["en"]}}, None, None),
        ({"lang": None}, None, None),
        ({"lang": ""}, None, None),
        ({"lang": ["en"]}, None, None),
        ({"$and": [{"lang": "en"}]}, None, None),
        ({"year": 2020}, None, None),
        ({}, None, None),
    ],
)
def test_a_filter_is_split_into_the_part_it_asks_for_and_the_rest(
    filter: dict[str, Any], part: str | None, rest: dict[str, Any] | None
) -> None:
    for layout in (HashPartitions("lang"), ListPartitions("lang", ("en",))):
        assert layout.split(filter) == (part, filter if rest is None else rest)


def test_a_value_that_was_not_declared_is_looked_for_where_it_can_be() -> None:
    asked = {"lang": "fr", "year": 2020}
    assert HashPartitions("lang").split(asked) == ("fr", {"year": 2020})
    # in the default partition, among others: which of them they are the filter says
    assert ListPartitions("lang", ("en",)).split(asked) == ("fr", asked)
    # nowhere in particular
    assert PartialIndexes("lang", ("en",)).split(asked) == (None, asked)


def test_the_short_form_is_sixteen_partitions_by_hash() -> None:
    assert chosen(None, "tenant") == HashPartitions("tenant", 16)
    assert chosen(None, None) is None
    with pytest.raises(ConfigurationError, match="not both"):
        chosen(HashPartitions("tenant"), "tenant")
    with pytest.raises(ConfigurationError, match="layout is 'tenant'"):
        chosen("tenant", None)  # type: ignore[arg-type]


def test_an_index_learns_from_the_rows_of_its_own_partition() -> None:
    assert rows_each(None, 100) == 100
    assert rows_each(HashPartitions("tenant", 16), 160) == 10
    assert rows_each(ListPartitions("lang", ("en",)), 10) == 5
    assert rows_each(PartialIndexes("lang", ("en",)), 10) == 10


def test_ivfpq_is_refused_with_the_reason() -> None:
    laid_out = generation(dim=8, layout=HashPartitions("tenant"))
    with pytest.raises(IndexSpecError, match="know nothing of a layout"):
        resolve_index(IVFPQ(), laid_out)
    assert resolve_index(HNSW(), laid_out) == (HNSW(), None)


def test_the_names_of_partitions_and_their_indexes_fit() -> None:
    named = tables("embeddb", check_name("x" * 48), 9999)
    for suffix in HashPartitions("tenant", 256).suffixes:
        assert len(named.partition(suffix)) <= 63
        assert len(named.part_index("ivfflat", suffix)) <= 63
    assert len(named.parts_index) <= 63


def test_partitions_and_their_indexes_are_known_by_their_names() -> None:
    named = tables("embeddb", "docs", 1)
    assert all(map(named.holds_chunks, ("docs_g1", "docs_g1_p0", "docs_g1_pd")))
    assert not any(map(named.holds_chunks, ("docs", "docs_g2_p0", "docs_g1_px", "docs_g1_p")))
    assert named.is_vector_index("docs_g1_hnsw", "hnsw")
    assert named.is_vector_index("docs_g1_h12", "hnsw")
    assert named.is_vector_index("docs_g1_id", "ivfflat")
    assert not named.is_vector_index("docs_g1_h12", "ivfflat")
    assert not named.is_vector_index("docs_g1_part", "hnsw")
