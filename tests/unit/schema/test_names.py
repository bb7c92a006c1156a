"""Which names a collection may have, and what is named after it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb.errors import InvalidNameError
from embeddb.schema.names import MAX_NAME_BYTES, RESERVED, check_name, tables

POSTGRES_NAME_BYTES = 63


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "empty"),
        (" \t\n", "empty"),
        ("x" * 49, "49 bytes"),
        ("é" * 25, "50 bytes"),
        ("a\0", "NUL"),
        ("\ud800", "surrogate"),
        ("docs_g1", "generations"),
        ("docs_g007", "generations"),
        *((name, "embeddb's own") for name in sorted(RESERVED)),
    ],
)
def test_a_name_that_cannot_be_had_is_refused_with_the_reason(name: str, problem: str) -> None:
    with pytest.raises(InvalidNameError, match=problem):
        check_name(name)


@given(st.text(min_size=1, max_size=60))
def test_a_name_that_is_taken_never_meets_postgres_s_limit(name: str) -> None:
    try:
        check_name(name)
    except InvalidNameError:
        return
    assert len(name.encode()) <= MAX_NAME_BYTES
    named = tables("embeddb", name, 9999)
    for made in (
        named.chunks_name,
        named.search_function,
        named.metadata_index,
        named.vector_index("ivfflat"),
    ):
        assert len(made.encode()) <= POSTGRES_NAME_BYTES


def test_tables_are_named_after_their_collection() -> None:
    named = tables("my schema", "my docs", 2)
    assert named.documents.as_string() == '"my schema"."my docs"'
    assert named.chunks.as_string() == '"my schema"."my docs_g2"'
    assert named.search_function == "my docs_search"
    assert named.vector_index("hnsw") == "my docs_g2_hnsw"
