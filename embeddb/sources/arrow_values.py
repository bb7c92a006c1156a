"""Values of Arrow that Python has no type for: nanoseconds, and years beyond 9999."""

from __future__ import annotations

from typing import Any

import numpy as np

UNREADABLE = (ValueError, OverflowError, ArithmeticError)
"""What pyarrow raises for a value that Python cannot hold, and for text that is not UTF-8."""

_SECONDS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def python_value(scalar: Any) -> Any:  # noqa: ANN401
    """Return the value of an Arrow scalar; dates and times that Python lacks are ISO 8601 text.

    Raises:
        ValueError: the value is text that is not UTF-8.
    """
    try:
        return scalar.as_py()
    except UNREADABLE:
        return _nested(scalar) if scalar.is_valid else None


def _nested(scalar: Any) -> Any:  # noqa: ANN401
    from pyarrow import types

    kind = scalar.type
    if types.is_struct(kind):
        return {name: python_value(value) for name, value in scalar.items()}
    if types.is_map(kind):
        return [[python_value(pair["key"]), python_value(pair["value"])] for pair in scalar.values]
    if types.is_nested(kind):
        return [python_value(value) for value in scalar.values]
    if types.is_dictionary(kind):
        return python_value(scalar.value)
    if types.is_temporal(kind):
        return _moment(scalar, kind)
    return scalar.as_py()


def _moment(scalar: Any, kind: Any) -> str | float:  # noqa: ANN401
    """Return a date or time as ISO 8601, or a duration in seconds."""
    from pyarrow import types

    if types.is_date32(kind):
        return str(np.datetime64(scalar.value, "D"))
    if types.is_date64(kind):
        return str(np.datetime64(scalar.value, "ms").astype("datetime64[D]"))
    if types.is_duration(kind):
        return float(scalar.value / _SECONDS[kind.unit])
    moment = str(np.datetime64(scalar.value, kind.unit))
    if types.is_time(kind):
        return moment.partition("T")[2]
    return moment if kind.tz is None else f"{moment}+00:00"
