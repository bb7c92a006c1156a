"""The types of text columns: inferred from their values, and applied to them.

A column is a number only where no two different texts would become the same number, so that codes
such as `007` and versions such as `1.10` stay text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from embeddb.errors import ConfigurationError, InvalidDocumentError

TEXT = "text"

# A double holds any decimal number of 15 digits, and writes out 17 at most.
_FLOAT_DIGITS = 17

_INT = re.compile(r"0|-?[1-9][0-9]{0,38}")
_ANY_INT = re.compile(r"[+-]?[0-9]{1,4000}")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?(?:e[+-][0-9]{2,3})?")
_ANY_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
    r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_BOOL_STYLES = ({"true", "false"}, {"True", "False"}, {"TRUE", "FALSE"})
_TRUE = frozenset({"true", "t", "yes", "1"})
_FALSE = frozenset({"false", "f", "no", "0"})


@dataclass(frozen=True)
class _Kind:
    """A type: which texts are surely of it, and what a text of it means.

    Attributes:
        fits: whether a text can be nothing else.
        read: the value of a text, written in any way that the type knows; ValueError for others.
    """

    fits: Callable[[str], bool]
    read: Callable[[str], Any]


def _fits_int(text: str) -> bool:
    return _INT.fullmatch(text) is not None


def _read_int(text: str) -> int:
    if _ANY_INT.fullmatch(text) is None:
        raise ValueError(text)
    return int(text)


def _fits_float(text: str) -> bool:
    if _FLOAT.fullmatch(text) is None:
        return False
    if len(text) <= _FLOAT_DIGITS and "e" not in text:
        return True
    digits = text.partition("e")[0].lstrip("-0.").replace(".", "")
    return len(digits) <= _FLOAT_DIGITS and math.isfinite(float(text))


def _read_float(text: str) -> float | None:
    if text.lower() == "nan":
        return None  # JSON has no other word for it
    if _ANY_FLOAT.fullmatch(text) is None or not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


def _fits_bool(text: str) -> bool:
    return any(text in style for style in _BOOL_STYLES)


def _read_bool(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(text)


def _fits_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None and _is_read_by(date.fromisoformat, text)


def _fits_datetime(text: str) -> bool:
    return _DATETIME.fullmatch(text) is not None and _is_read_by(datetime.fromisoformat, text)


def _is_read_by(read: Callable[[str], Any], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _as_it_is(fits: Callable[[str], bool]) -> Callable[[str], str]:
    """Return the reading of a date, which JSON has no type for: it stays text."""

    def read(text: str) -> str:
        if not fits(text):
            raise ValueError(text)
        return text

    return read


_KINDS = {
    "int": _Kind(_fits_int, _read_int),
    "float": _Kind(_fits_float, _read_float),
    "bool": _Kind(_fits_bool, _read_bool),
    "date": _Kind(_fits_date, _as_it_is(_fits_date)),
    "datetime": _Kind(_fits_datetime, _as_it_is(_fits_datetime)),
}

TYPES = (TEXT, *_KINDS)


def check_types(types: Mapping[str, str]) -> None:
    """Check the types that a caller gave.

    Raises:
        ConfigurationError: there is no such type.
    """
    for name, kind in types.items():
        if kind not in TYPES:
            raise ConfigurationError(
                f"Column {name!r} cannot be of type {kind!r}: the types are {', '.join(TYPES)}."
            )


class Inference:
    """Finds the types of columns from their values, some rows at a time.

    Args:
        names: the columns.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._columns = {name: _Column() for name in names}

    @property
    def is_settled(self) -> bool:
        """Whether all columns are text, so that no more values need to be looked at."""
        return all(column.is_text for column in self._columns.values())

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take the values of some rows into account; a row may lack a column."""
        for name, column in self._columns.items():
            if not column.is_text:
                column.add({row[name] for row in rows if name in row})

    def types(self) -> dict[str, str]:
        """Return the type of each column that has a value."""
        return {name: column.type for name, column in self._columns.items() if column.has_values}


class _Column:
    """What the values of a column can all be."""

    def __init__(self) -> None:
        self._kinds = list(_KINDS)
        self._styles = list(_BOOL_STYLES)
        self._is_shortest = True  # no number ends in a zero that could be left out
        self._decimals: set[int] = set()
        self.has_values = False

    @property
    def is_text(self) -> bool:
        return not self._kinds

    @property
    def type(self) -> str:
        return self._kinds[0] if self._kinds else TEXT

    def add(self, values: set[str]) -> None:
        values.discard("")
        if not values:
            return
        self.has_values = True
        self._kinds = [kind for kind in self._kinds if all(map(_KINDS[kind].fits, values))]
        if "bool" in self._kinds:
            self._styles = [style for style in self._styles if values <= style]
            if not self._styles:
                self._kinds.remove("bool")
        if "float" in self._kinds and not self._are_distinct(values):
            self._kinds.remove("float")

    def _are_distinct(self, values: Collection[str]) -> bool:
        """Return whether different texts stay different as numbers: not `1.1` and `1.10`."""
        for value in values:
            found = _FLOAT.fullmatch(value)
            decimals = found.group(1) if found else None
            if decimals:
                self._decimals.add(len(decimals))
                self._is_shortest &= not decimals.endswith("0") or decimals == "0"
        return self._is_shortest or len(self._decimals) <= 1


class ColumnTypes:
    """Turns the texts of a row into values of their columns' types.

    Args:
        types: the type of each column.
        given: the columns whose types the caller gave: their values may be written in any way
            that the type knows, e.g. `007`; those of the others only in the one that is read
            without loss.
    """

    def __init__(self, types: Mapping[str, str], given: Collection[str] = ()) -> None:
        self._kinds = {
            name: (kind, _KINDS[kind], name in given)
            for name, kind in types.items()
            if kind in _KINDS
        }

    def apply(self, row: dict[str, Any]) -> None:
        """Put values in place of texts; an empty one becomes None.

        Raises:
            InvalidDocumentError: a text is not of its column's type.
        """
        for name, (type_name, kind, any_way) in self._kinds.items():
            text = row.get(name)
            if text is None:
                continue
            try:
                row[name] = _value(kind, text, any_way) if text else None
            except ValueError:
                raise InvalidDocumentError(
                    f"{name!r} is {_brief(text)}, and the column is read as {type_name}: correct "
                    f"it, or read the column as text (types={{{name!r}: 'text'}}, "
                    f"--types {name}=text)"
                ) from None


def _value(kind: _Kind, text: str, any_way: bool) -> Any:  # noqa: ANN401
    if any_way:
        return kind.read(text.strip()) if text.strip() else None
    if not kind.fits(text):
        raise ValueError(text)
    return kind.read(text)


def _brief(text: str, most: int = 40) -> str:
    return repr(text if len(text) <= most else text[: most - 1] + "…")
