"""The other tables that a row's text is read from, and how a change of theirs finds that row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from embeddb.errors import ConfigurationError

Reference: TypeAlias = str | tuple[str, ...]
"""What leads from a row of another table to the rows whose text reads it: a column or columns that
hold their key, or SQL."""

DependsOn: TypeAlias = tuple[tuple[str, Reference], ...]
"""Tables as SQL names them, and the reference of each; as a mapping, but hashable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dependency:
    """Another table that the text of a row is read from.

    Attributes:
        source: the table as the user named it.
        reference: what leads to the rows whose text reads it, in the user's words.
        schema: the table's schema.
        table: the table's name.
        parents_sql: a SELECT over a row of the table, which goes by the table's name: the keys of
            the rows whose text reads it; every name in it is qualified.
        parent_columns: the columns that this SELECT reads of the row.
        columns: every column whose change may change a text, those among them.
        types: the type of each of these columns, as Postgres spells it.
        row_security: whether the table had row-level security when it was attached.
        is_foreign_key: whether Postgres sees to it that the key which the columns hold is a row's.
    """

    source: str
    reference: Reference
    schema: str
    table: str
    parents_sql: str
    parent_columns: tuple[str, ...]
    columns: tuple[str, ...]
    types: dict[str, str] = field(default_factory=dict, hash=False)
    row_security: bool = False
    is_foreign_key: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as the catalog keeps it."""
        reference = self.reference
        return {
            "source": self.source,
            "reference": reference if isinstance(reference, str) else list(reference),
            "schema": self.schema,
            "table": self.table,
            "parents_sql": self.parents_sql,
            "parent_columns": list(self.parent_columns),
            "columns": list(self.columns),
            "types": dict(self.types),
            "row_security": self.row_security,
            "is_foreign_key": self.is_foreign_key,
        }


def from_json(value: Mapping[str, Any]) -> Dependency:
    """Return what `to_json` wrote."""
    reference = value["reference"]
    return Dependency(
        source=value["source"],
        reference=reference if isinstance(reference, str) else tuple(reference),
        schema=value["schema"],
        table=value["table"],
        parents_sql=value["parents_sql"],
        parent_columns=tuple(value["parent_columns"]),
        columns=tuple(value["columns"]),
        types=dict(value["types"]),
        row_security=bool(value["row_security"]),
        is_foreign_key=bool(value["is_foreign_key"]),
    )


def parse(value: Mapping[str, str | Sequence[str]] | DependsOn | None) -> DependsOn:
    """Read `depends_on=`.

    Raises:
        ConfigurationError: it is no mapping, or a table has no reference.
    """
    if isinstance(value, tuple):
        return value
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(
            'depends_on maps tables to what leads to the rows: {"public.comments": "post_id"}.'
        )
    found: list[tuple[str, Reference]] = []
    for source, reference in (value or {}).items():
        read = reference if isinstance(reference, str) else tuple(reference)
        if not read or (isinstance(read, str) and not read.strip()):
            raise ConfigurationError(
                f"depends_on names no column of {source} that holds the key of the row."
            )
        found.append((source, read))
    return tuple(found)


def as_mapping(value: DependsOn) -> dict[str, str | list[str]]:
    """Return `depends_on=` as it is written in Python."""
    return {
        source: reference if isinstance(reference, str) else list(reference)
        for source, reference in value
    }
