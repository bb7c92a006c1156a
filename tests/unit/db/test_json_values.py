"""Values of databases and columnar files become values that JSON has."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import ip_address, ip_interface
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from embeddb.db.json_values import jsonable
from embeddb.errors import InvalidMetadataError


class Colour(Enum):
    RED = "red"


ID = UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("text", "text"),
        (2.5, 2.5),
        (date(2020, 2, 1), "2020-02-01"),
        (datetime(2020, 2, 1, 3, 4, tzinfo=UTC), "2020-02-01T03:04:00+00:00"),
        (time(3, 4), "03:04:00"),
        (timedelta(minutes=2), 120.0),
        (Decimal("12345678901234567890"), 12345678901234567890),
        (Decimal("2.50"), 2.5),
        (Decimal("3.0"), 3),
        (Colour.RED, "red"),
        (ID, str(ID)),
        (np.int64(7), 7),
        (ip_address("10.0.0.1"), "10.0.0.1"),
        (ip_interface("10.0.0.1/8"), "10.0.0.1/8"),
        (np.array([1.5, 2.5]), [1.5, 2.5]),
        ({1: (date(2020, 2, 1), ID)}, {"1": ["2020-02-01", str(ID)]}),
    ],
    ids=str,
)
def test_a_value_is_written_as_json_has_it(value: Any, expected: Any) -> None:  # noqa: ANN401
    made = jsonable(value)
    assert made == expected and type(made) is type(expected)
    assert json.loads(json.dumps(made)) == expected


def test_what_json_cannot_hold_is_left_to_the_check_of_all_documents() -> None:
    nothing = object()
    assert jsonable({"a": [nothing]}) == {"a": [nothing]}
    assert np.isnan(jsonable(Decimal("NaN")))


@pytest.mark.parametrize("text", ["0.12345678901234567890123", "-1.00000000000000000001"])
def test_a_number_that_no_float_holds_keeps_its_digits(text: str) -> None:
    assert jsonable(Decimal(text)) == Decimal(text)


def test_bytes_are_refused() -> None:
    with pytest.raises(InvalidMetadataError, match="bytes"):
        jsonable({"a": [b"x"]})
