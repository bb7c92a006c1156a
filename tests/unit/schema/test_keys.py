"""The rule that keys of each type are written by; Postgres itself is asked elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddb.schema.attached import KeyColumn
from embeddb.schema.keys import (
    RULES,
    base_type,
    has_key_function,
    join_key,
    rule_of,
    split_key,
)

BYTEA, LOCAL_TIME, ZONED_TIME = RULES
ONE = (KeyColumn(name="id", type="text"),)
TWO = (*ONE, KeyColumn(name="n", type="integer"))


@pytest.mark.parametrize(
    ("type", "rule"),
    [
        ("bytea", BYTEA),
        ("date", LOCAL_TIME),
        ("timestamp without time zone", LOCAL_TIME),
        ("timestamp(3) without time zone", LOCAL_TIME),
        ("timestamp with time zone", ZONED_TIME),
        ("timestamp(0) with time zone", ZONED_TIME),
    ],
)
def test_types_whose_text_depends_on_settings_have_a_rule(type: str, rule: object) -> None:
    assert rule_of(type) is rule


@pytest.mark.parametrize(
    "type", ["text", "numeric(10,2)", "timestamps", "my.timestamp with time zone", "daterange"]
)
def test_other_types_are_cast(type: str) -> None:
    assert rule_of(type).text == "({0})::text"


def test_a_type_loses_its_modifier() -> None:
    assert base_type("timestamp(3) with time zone") == "timestamp with time zone"
    assert base_type("numeric(10,2)") == "numeric"
    assert base_type("text") == "text"


def test_input_that_depends_on_settings_takes_a_function() -> None:
    for type, expected in (("numeric(10,2)", False), ("bytea", False), ("date", True)):
        assert has_key_function(KeyColumn(name="k", type=type)) is expected


@given(st.lists(st.text(), min_size=2, max_size=2))
def test_a_key_of_several_columns_comes_apart_as_it_was_put_together(texts: list[str]) -> None:
    assert split_key(TWO, join_key(texts)) == texts


@given(st.text())
def test_a_key_of_one_column_is_its_text(text: str) -> None:
    assert join_key([text]) == text
    assert split_key(ONE, text) == [text]
