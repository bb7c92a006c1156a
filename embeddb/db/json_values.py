"""Values of Python, databases and columnar files, as jsonb holds them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import numpy as np

from embeddb.errors import InvalidMetadataError

_JSON_SCALARS = (str, int, float, type(None))  # bool is an int

_WRITTEN_OUT = (
    UUID,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)


def jsonable(value: Any) -> Any:  # noqa: ANN401
    """Return dates, numbers and ids as JSON has them, and anything unknown as it is.

    A Decimal that no float equals stays one. What JSON cannot hold is refused later, by the check
    that all documents pass.

    Raises:
        InvalidMetadataError: the value is bytes.
    """
    if isinstance(value, _JSON_SCALARS):
        return value
    if isinstance(value, Mapping):
        return {str(name): jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, _WRITTEN_OUT):
        return str(value)
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Enum):
        return jsonable(value.value)
    if isinstance(value, bytes | bytearray | memoryview):
        raise InvalidMetadataError(
            "bytes, which JSON does not have: leave the column out with metadata=[…], or encode "
            "it as text"
        )
    return value


def _number(value: Decimal) -> int | float | Decimal:
    if not value.is_finite():
        return float(value)
    if value == value.to_integral():
        return int(value)
    rounded = float(value)
    return rounded if Decimal(repr(rounded)) == value else value
