"""What metadata may hold is accepted by the filter that looks for it."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import sqlalchemy as sa

import embeddb
from embeddb import Collection, HashPartitions
from embeddb.errors import ConfigurationError, FilterError

KEY = UUID("12345678-1234-5678-1234-567812345678")


class Colour(Enum):
    RED = "red"


class Opaque:
    def __repr__(self) -> str:
        return "opaque"


METADATA = {
    "day": date(2024, 5, 1),
    "at": datetime(2024, 5, 1, 12, tzinfo=UTC),
    "naive": datetime(2024, 5, 1, 12, 0, 0, 5),
    "hour": time(3, 4),
    "long": timedelta(minutes=2),
    "owner": KEY,
    "price": Decimal("1.10"),
    "exact": Decimal("0.12345678901234567890123"),
    "n": np.int64(3),
    "share": np.float32(0.5),
    "seen": np.bool_(True),
    "word": np.str_("x"),
    "colour": Colour.RED,
    "tags": ("a", KEY),
    "numbers": np.array([1, 2]),
    "large": 2**63 - 1,
}


@pytest.fixture
def docs(store: embeddb.Store) -> Collection:
    docs = store.create_collection("docs", model=None, dim=2)
    docs.ingest(
        [
            {"id": "a", "embedding": [1, 0], "metadata": METADATA},
            {"id": "b", "embedding": [0, 1], "metadata": {"large": 2**63 - 2, "exact": 0.1}},
        ]
    )
    return docs


@pytest.mark.parametrize("field", [name for name in METADATA if name not in ("tags", "numbers")])
def test_a_value_is_found_by_itself(docs: Collection, field: str) -> None:
    value = METADATA[field]
    forms: tuple[Any, ...] = (
        {field: value},
        {field: {"$in": [value, "other"]}},
        {field: {"$in": {value, "other"}}},
        {field: {"$in": (value,)}},
        {"$not": {field: {"$ne": value}}},
        {"$and": ({field: value}, {})},
        MappingProxyType({field: value}),
        OrderedDict({field: MappingProxyType({"$eq": value})}),
    )
    for wanted in forms:
        assert [hit.id for hit in docs.search([1, 0], filter=wanted)] == ["a"], wanted
        assert docs.count(wanted) == 1


@pytest.mark.parametrize(
    "wanted",
    [
        {"day": {"$gte": date(2024, 1, 1), "$lt": date(2024, 6, 1)}},
        {"at": {"$between": (METADATA["at"], datetime(2025, 1, 1, tzinfo=UTC))}},
        {"tags": {"$contains": KEY}},
        {"tags": {"$contains": ("a", KEY)}},
        {"numbers": {"$contains": np.array([1, 2])}},
        {"numbers": {"$in": range(2, 5)}},
        {"price": {"$lt": Decimal("1.1000001"), "$gt": Decimal("1.0999999")}},
        {"exact": {"$gt": Decimal("0.12345678901234567890122")}},
        {"large": {"$gt": 2**63 - 2, "$lt": 10**40}},
    ],
    ids=str,
)
def test_values_are_compared_and_listed(docs: Collection, wanted: dict[str, Any]) -> None:
    assert docs.count(wanted) == 1
    assert [hit.id for hit in docs.search([1, 0], filter=wanted)] == ["a"]
    assert docs.delete(filter=wanted) == 1


def test_a_select_of_sqlalchemy_takes_them_too(docs: Collection, database: str) -> None:
    engine = sa.create_engine(database.replace("postgresql", "postgresql+psycopg", 1))
    with engine.connect() as connection:
        for field in ("day", "owner", "price", "n"):
            found = connection.execute(docs.select([1, 0], filter={field: METADATA[field]}))
            assert [row.id for row in found] == ["a"]
    engine.dispose()


def test_a_part_of_a_layout_is_found_by_such_a_value(store: embeddb.Store) -> None:
    docs = store.create_collection("parts", model=None, dim=2, layout=HashPartitions("owner", 4))
    docs.ingest([{"id": "a", "embedding": [1, 0], "metadata": {"owner": KEY}}])
    assert "filter_path" not in docs.sql([1, 0], filter={"owner": str(KEY)})
    assert docs.sql([1, 0], filter={"owner": KEY}) == docs.sql([1, 0], filter={"owner": str(KEY)})
    assert len(docs.search([1, 0], filter={"owner": KEY})) == 1


@pytest.mark.parametrize(
    "wanted", ["year = 3", ["year", 3], 7, True, b"x", ("year", 3), object], ids=repr
)
def test_what_is_no_filter_is_refused_with_an_example(docs: Collection, wanted: Any) -> None:  # noqa: ANN401
    for call in (
        lambda: docs.search([1, 0], filter=wanted),
        lambda: docs.search_many([[1, 0]], filter=wanted),
        lambda: docs.similar("a", filter=wanted),
        lambda: docs.count(wanted),
        lambda: docs.delete(filter=wanted),
        lambda: docs.select([1, 0], filter=wanted),
    ):
        with pytest.raises(FilterError, match=r'A filter is a dict such as \{"year": \{"\$gte"'):
            call()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"a": float("nan")}, "not JSON"),
        ({"a": Decimal("NaN")}, "not JSON"),
        ({"a": Decimal("Infinity")}, "not JSON"),
        ({"a": b"x"}, "not JSON"),
        ({"a": Opaque()}, "not JSON"),
        ({"a": "x\0y"}, "NUL"),
        ({"a": [KEY, "x\0y"]}, "NUL"),
        ({"a": "\ud800"}, "not JSON"),
    ],
    ids=str,
)
def test_a_value_that_metadata_cannot_hold_is_refused(
    docs: Collection, wanted: dict[str, Any], message: str
) -> None:
    with pytest.raises(FilterError, match=message):
        docs.count(wanted)


def test_a_filter_within_itself_is_refused(docs: Collection) -> None:
    plain: dict[str, Any] = {"a": 1}
    for _ in range(150):
        plain = {"$and": [plain, {"b": 1}]}
    dated: dict[str, Any] = {"a": KEY}
    for _ in range(5000):
        dated = {"$not": dated}
    endless: dict[str, Any] = {}
    endless["$not"] = endless
    for wanted in (plain, dated, endless):
        with pytest.raises(FilterError):
            docs.count(wanted)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("$gtt", "$gt"), ("$ge", "$gte"), ("gte", "$gte"), ("$IN", "$in"), ("$contain", "$contains")],
)
def test_an_unknown_operator_is_refused_with_the_one_meant(
    docs: Collection, given: str, meant: str
) -> None:
    with pytest.raises(FilterError, match=rf"Did you mean \{meant}\?"):
        docs.count({"year": {given: 3}})
    with pytest.raises(FilterError, match=r"Unknown operator %\\_ on year\. There are"):
        docs.count({"year": {"%\\_": 3}})
    with pytest.raises(FilterError, match="stand inside a field"):
        docs.count({"$gte": {"year": 3}})


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"$and": [{}]},
        {"$or": [{"a": 1}, {}]},
        {"$not": {"a": {"$in": []}}},
        {"a": {"$nin": []}},
        {"a": {"$nin": ()}, "b": {"$contains": []}},
        sa.true(),
    ],
    ids=str,
)
def test_a_filter_that_all_pass_deletes_nothing_by_mistake(
    docs: Collection,
    wanted: Any,  # noqa: ANN401
) -> None:
    assert docs.count(wanted) == 2
    with pytest.raises(FilterError, match="all=True"):
        docs.delete(filter=wanted)
    assert docs.count() == 2
    assert docs.delete(filter=wanted, all=True) == 2


@pytest.mark.filterwarnings("ignore::embeddb.errors.FilterWarning")
@pytest.mark.parametrize(
    "wanted",
    [{"$or": [{}, {"a": 1}], "a": 1}, {"a": {"$in": []}}, {"$not": {}}, {"a": {"$nin": [1]}}],
    ids=str,
)
def test_another_filter_deletes_what_passes(docs: Collection, wanted: dict[str, Any]) -> None:
    expected = docs.count(wanted)
    assert docs.delete(filter=wanted) == expected


def test_a_deletion_is_asked_for_in_one_way(docs: Collection) -> None:
    for given in (
        {},
        {"filter": None},
        {"ids": ["a"], "filter": {"a": 1}},
        {"ids": ["a"], "all": True},
        {"filter": {"a": 1}, "all": True},
    ):
        with pytest.raises(ConfigurationError, match="A deletion"):
            docs.delete(**given)
    assert docs.delete(all=True) == 2
    assert docs.delete(all=True) == 0
