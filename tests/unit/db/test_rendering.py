"""Statements as text."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from embeddb.db.rendering import (
    Bits,
    Qualified,
    Written,
    as_definition,
    as_function_body,
    as_text,
    constant,
    count_all,
    number,
    parameter,
)


def test_a_parameter_stands_by_its_name_and_a_value_comes_along() -> None:
    limit = parameter("limit", sa.Integer())
    text, given = as_text(sa.select(limit, sa.literal(7).label("seven")))
    assert "%(limit)s" in text
    assert "limit" not in given
    assert list(given.values()) == [7]
    assert "%(" + next(iter(given)) + ")s" in text


def test_a_function_numbers_its_parameters_in_their_order() -> None:
    names = ("query", "limit", "filter", "max_distance", "part")
    body = as_function_body(sa.select(*(parameter(name, sa.Integer()) for name in names)))
    assert re.findall(r"\$\d", body) == ["$1", "$2", "$3", "$4", "$5"]


def test_a_function_writes_whole_numbers_into_its_body() -> None:
    body = as_function_body(sa.select(sa.column("a")).limit(12))
    assert "LIMIT 12" in body
    assert "%" not in body


def test_percent_signs_are_single_in_a_function_and_double_elsewhere() -> None:
    statement: sa.Select[Any] = sa.select(sa.column("100%"))
    assert '"100%%"' in as_text(statement)[0]
    assert '"100%"' in as_function_body(statement)


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")))
def test_a_constant_is_quoted(text: str) -> None:
    body = as_function_body(sa.select(constant(text)))
    assert body == "SELECT '" + text.replace("'", "''") + "'"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (7, "7"), (-3, "-3"), (2.5, "2.5"), (100.0, "100.0")]
)
def test_a_number_is_written_as_it_is(value: float, text: str) -> None:
    assert as_text(number(value))[0] == text


def test_counting_is_postgres_s_own() -> None:
    assert as_text(count_all())[0] == "pg_catalog.count(*)"


def test_an_expression_with_a_parameter_defines_no_index() -> None:
    assert as_definition(sa.literal_column("embedding")) == "embedding"
    with pytest.raises(AssertionError):
        as_definition(sa.column("a") == 5)


def test_types_are_named_with_their_schema() -> None:
    value: sa.ColumnElement[Any] = sa.literal_column("x")
    for kind, text in (
        (Qualified("public", "vector"), "public.vector"),
        (Qualified("public", "halfvec", 12), "public.halfvec(12)"),
        (Qualified('My "own"', "vector", 3), '"My ""own""".vector(3)'),
        (Bits(96), "bit(96)"),
    ):
        assert as_text(sa.cast(value, kind))[0] == f"CAST(x AS {text})"


def test_written_sql_is_passed_on_as_it_is() -> None:
    assert Written("a %% b").as_string() == "a %% b"
