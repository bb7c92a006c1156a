"""How a collection's chunks are laid out by one field of the metadata, as data.

Each chunk has a *part*: what the field says in its document, as text. A filter that asks for one
value of the field then asks the chunks for one part, and Postgres reads the partition, or the
partial index, that holds it.

A string is its own part. Whole numbers and booleans have an equals sign in front, and so has a
string that begins with one: `"42"` has the part `42`, and `42` has `=42`. What has no part of its
own (a missing field, null, an empty or very long string, a fraction, an object) has the empty one,
and filters on it go the usual way. `filter_part` says the same in SQL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, TypeAlias

from embeddb.db.json_values import jsonable
from embeddb.errors import ConfigurationError, InvalidMetadataError

Scalar: TypeAlias = str | int | bool

MAX_PARTITIONS = 256
"""Every search without the field, and every deletion by id, visits each of them."""

MAX_PART_BYTES = 512
"""A part stands in btree indexes, whose entries have an end; longer strings have no part."""

_MARK = "="
_MAX_DIGITS = Decimal(10) ** 19
_STEP = re.compile(r"(?<!\\)\.")


def part_of(value: object) -> str:
    """Return the part of a value: its text, or nothing where it has no part of its own."""
    match value:
        case bool():
            return _MARK + ("true" if value else "false")
        case int() | float() | Decimal():
            return _number(Decimal(value if isinstance(value, int) else str(value)))
        case str():
            text = _MARK + value if value.startswith(_MARK) else value
            return text if _is_storable(text) else ""
        case _:
            return ""


def _number(value: Decimal) -> str:
    if not value.is_finite() or abs(value) >= _MAX_DIGITS or value != int(value):
        return ""
    return _MARK + str(int(value))


def _is_storable(text: str) -> bool:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return False
    return len(data) <= MAX_PART_BYTES and b"\0" not in data


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of the metadata, spelled as in a filter: `tenant`, `author.name`."""

    field: str

    def path(self) -> list[str]:
        """Return the keys that lead to the field."""
        return [step.replace("\\.", ".") for step in _STEP.split(self.field)]

    def part(self, id: str, metadata: dict[str, Any]) -> str:
        """Return the part of a document.

        Raises:
            InvalidMetadataError: the field is a list, and a chunk lies in one part only.
        """
        value: object = metadata
        for key in self.path():
            value = value.get(key) if isinstance(value, dict) else None
            if isinstance(value, list):
                raise InvalidMetadataError(
                    f"The metadata of {id!r} has a list in {self.field!r}, by which the "
                    "collection is laid out: give it one string, whole number or boolean."
                )
        return part_of(value)

    def asked(self, filter: dict[str, Any]) -> str | None:
        """Return the part that a filter asks for: `{field: value}` or `{field: {"$eq": value}}`."""
        value = filter.get(self.field)
        if isinstance(value, dict):
            value = value.get("$eq") if len(value) == 1 else None
        return part_of(jsonable(value)) or None

    def split(self, filter: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """Return the part that a filter asks for, if it does, and the rest of the filter."""
        part = self.asked(filter)
        if part is None or not self.knows(part):
            return (None if part is None or self.reads_known_only else part), filter
        return part, {key: value for key, value in filter.items() if key != self.field}

    def knows(self, part: str) -> bool:
        """Return whether all that a search needs to know of a row is that it has this part."""
        return True

    reads_known_only: ClassVar[bool] = False
    """Whether a part that was not declared has no place of its own."""

    def check(self) -> None:
        """Check that a filter can name the field.

        Raises:
            ConfigurationError: it is empty, or looks like an operator.
        """
        if not isinstance(self.field, str) or not self.field.strip():
            raise ConfigurationError(
                f"A layout needs the name of a field, such as 'tenant', not {self.field!r}."
            )
        if self.field.startswith("$") or "" in self.path() or not _is_storable(self.field):
            raise ConfigurationError(
                f"{self.field!r} names no field: keys are joined by dots, as in 'author.name', "
                "and the first does not begin with a dollar sign."
            )


@dataclass(frozen=True, slots=True)
class HashPartitions(_Field):
    """A number of partitions, each with the chunks of many values.

    Args:
        field: of the metadata, spelled as in a filter.
        partitions: 2 to 256.

    Raises:
        ConfigurationError: a value is out of its range.
    """

    partitions: int = 16

    kind: ClassVar[str] = "hash"

    def __post_init__(self) -> None:
        self.check()
        whole = isinstance(self.partitions, int) and not isinstance(self.partitions, bool)
        if not whole or not 2 <= self.partitions <= MAX_PARTITIONS:
            raise ConfigurationError(
                f"partitions must be a whole number from 2 to {MAX_PARTITIONS}, "
                f"not {self.partitions!r}."
            )

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What the names of the partitions end in."""
        return tuple(map(str, range(self.partitions)))


@dataclass(frozen=True, slots=True)
class _Values(_Field):
    """Values that are declared beforehand."""

    values: tuple[Scalar, ...] = ()

    def __post_init__(self) -> None:
        self.check()
        if isinstance(self.values, str) or not isinstance(self.values, list | tuple):
            raise ConfigurationError(f"values is a list of them, not {self.values!r}.")
        object.__setattr__(self, "values", tuple(self.values))
        if not 1 <= len(self.values) <= MAX_PARTITIONS:
            raise ConfigurationError(
                f"A layout declares 1 to {MAX_PARTITIONS} values, not {len(self.values)}."
            )
        for value in self.values:
            if not part_of(value):
                raise ConfigurationError(
                    f"{value!r} can be no value of a layout; there are non-empty strings of up to "
                    f"{MAX_PART_BYTES} bytes, whole numbers and booleans."
                )
        if len(set(self.parts)) < len(self.values):
            raise ConfigurationError(f"A value is declared twice: {list(self.values)!r}.")

    @property
    def parts(self) -> tuple[str, ...]:
        """The part of each value."""
        return tuple(map(part_of, self.values))

    def knows(self, part: str) -> bool:
        """Return whether a part was declared: only then it has a place to itself."""
        return part in self.parts


@dataclass(frozen=True, slots=True)
class ListPartitions(_Values):
    """A partition for each of some values, and one for all others.

    Args:
        field: of the metadata, spelled as in a filter.
        values: strings, whole numbers or booleans, 1 to 256 of them.

    Raises:
        ConfigurationError: a value cannot be one, or is there twice.
    """

    kind: ClassVar[str] = "list"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What the names of the partitions end in."""
        return (*map(str, range(len(self.values))), "d")


@dataclass(frozen=True, slots=True)
class PartialIndexes(_Values):
    """One table, and for each of some values a vector index of its own beside the general one.

    Args:
        field: of the metadata, spelled as in a filter.
        values: strings, whole numbers or booleans, 1 to 256 of them.

    Raises:
        ConfigurationError: a value cannot be one, or is there twice.
    """

    kind: ClassVar[str] = "partial"
    reads_known_only: ClassVar[bool] = True

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Nothing: it has no partitions."""
        return ()


Layout: TypeAlias = HashPartitions | ListPartitions | PartialIndexes
"""How chunks are laid out by a field; None in its place is one table with one index."""


def chosen(layout: Layout | None, partition_by: str | None) -> Layout | None:
    """Return what `layout=` and its short form `partition_by=` ask for.

    Raises:
        ConfigurationError: both are given, or what is given is no layout.
    """
    if partition_by is not None:
        if layout is not None:
            raise ConfigurationError("Give either layout=… or partition_by=…, not both.")
        return HashPartitions(partition_by)
    if layout is not None and not isinstance(
        layout, HashPartitions | ListPartitions | PartialIndexes
    ):
        raise ConfigurationError(
            f"layout is {layout!r}; give embeddb.HashPartitions(…), embeddb.ListPartitions(…) or "
            "embeddb.PartialIndexes(…)."
        )
    return layout


def to_json(layout: Layout | None) -> dict[str, Any]:
    """Return a layout as the catalog keeps it."""
    match layout:
        case None:
            return {}
        case HashPartitions():
            size: dict[str, Any] = {"partitions": layout.partitions}
        case _:
            size = {"values": list(layout.values)}
    return {"kind": layout.kind, "field": layout.field, **size}


def from_json(value: dict[str, Any]) -> Layout | None:
    """Return the layout that the catalog keeps."""
    match value.get("kind"):
        case None:
            return None
        case "hash":
            return HashPartitions(value["field"], value["partitions"])
        case "list":
            return ListPartitions(value["field"], tuple(value["values"]))
        case _:
            return PartialIndexes(value["field"], tuple(value["values"]))


def rows_each(layout: Layout | None, rows: int) -> int:
    """Return how many of so many rows one index holds on average."""
    return rows // max(1, len(partitions_of(layout)))


def partitions_of(layout: Layout | None) -> tuple[str, ...]:
    """Return what the names of a layout's partitions end in; nothing where there are none."""
    return () if layout is None else layout.suffixes
