"""What a filter asks for and no document has: a field, or a value of a type.

It is looked for after a search that came out short, in a sample of the documents.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from psycopg import sql

from embeddb.db.database import Database
from embeddb.db.queries import query
from embeddb.errors import DatabaseError
from embeddb.repository.search.filters import filter_text
from embeddb.schema.catalog import CollectionRecord

SAMPLE_ROWS = 1_000
"""Documents that are looked at: a few milliseconds."""

MOST_FIELDS = 20
"""Fields of a filter that are looked for."""

_DOT = re.compile(r"(?<!\\)\.")

_ONE = {"number": "a number", "string": "a string", "boolean": "a boolean", "null": "null"}
_MANY = {"number": "numbers", "string": "strings", "boolean": "booleans", "object": "objects"}


class Comparison(NamedTuple):
    """A field that has to be there for a filter to pass, and the types it is compared with.

    Attributes:
        field: as the filter spells it.
        types: JSON's names of types; empty where any value will do.
    """

    field: str
    types: frozenset[str]


class _Found(NamedTuple):
    types: list[frozenset[str]]
    seen: int
    complete: bool

    @property
    def where(self) -> str:
        return "" if self.complete else f", in a sample of {self.seen:,} documents"


class Unmatched:
    """Looks for what the filters of one collection ask for."""

    def __init__(self, database: Database, record: CollectionRecord) -> None:
        self._database = database
        self._names: dict[str, sql.Composable] = {"documents": record.tables.documents}
        self._known: set[Comparison] = set()
        self._names |= {"sampled": sql.SQL(""), "percent": sql.SQL("100")}
        if record.source is None:  # a view has no pages to draw from
            percent = query("documents.sampled_percent", table=_literal(record.tables.documents))
            self._names["percent"] = percent
            self._names["sampled"] = sql.SQL("TABLESAMPLE SYSTEM (({}))").format(percent)

    def sentences(self, filter: Mapping[str, Any]) -> list[str]:
        """Return what no document has of what a filter asks for, a sentence for each."""
        asked = dict.fromkeys(comparisons(json.loads(filter_text(filter))))
        doubtful = [one for one in asked if one not in self._known][:MOST_FIELDS]
        if not doubtful:
            return []
        with suppress(DatabaseError):  # the answer of the search stands without it
            return list(self._sentences(doubtful))
        return []

    def _sentences(self, doubtful: list[Comparison]) -> Iterator[str]:
        paths = [_path(one.field) for one in doubtful]
        found = self._types([*paths, *(path + "[*]" for path in paths)])
        if not found.seen:
            return
        for one, types, elements in zip(
            doubtful, found.types, found.types[len(doubtful) :], strict=False
        ):
            if not types:
                yield self._missing(one.field, found)
            elif one.types and not one.types & elements:
                yield _mismatch(one, elements, found)
            else:
                self._known.add(one)

    def _missing(self, field: str, found: _Found) -> str:
        *parents, last = _DOT.split(field)
        parent = _path(".".join(parents)) if parents else "$"
        near = _nearest(last, self._keys(parent))
        told = f'No document has the field "{field}"{found.where}.'
        return f'{told} Did you mean "{".".join([*parents, near])}"?' if near else told

    def _types(self, paths: list[str]) -> _Found:
        rows = self._rows("documents.field_types", {"paths": paths})
        types = [frozenset(row[0] or ()) for row in rows]
        return _Found(types, rows[0][1], rows[0][1] < 2 * SAMPLE_ROWS and rows[0][2])

    def _keys(self, path: str) -> list[str]:
        rows = self._rows("documents.field_names", {"path": path + ".keyvalue().key"})
        return [row[0] for row in rows]

    def _rows(self, name: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        statement = query(name, **self._names)
        values |= {"rows": SAMPLE_ROWS, "most": 2 * SAMPLE_ROWS}
        with self._database.connection() as connection:
            return connection.execute(statement, values).fetchall()


def comparisons(filter: Mapping[str, Any], *, negated: bool = False) -> Iterator[Comparison]:
    """Yield the fields that a filter needs to be there; what a missing field passes is left out.

    Args:
        filter: as JSON has it, well-formed.
        negated: whether its complement is meant.
    """
    for key, value in filter.items():
        if key in ("$and", "$or"):
            for part in value:
                yield from comparisons(part, negated=negated)
        elif key == "$not":
            yield from comparisons(value, negated=not negated)
        else:
            operators = value if isinstance(value, dict) else {"$eq": value}
            for name, operand in operators.items():
                if _needs_field(name, operand) != negated:
                    yield Comparison(key, _types_of(name, operand))


def _needs_field(name: str, operand: object) -> bool:
    return bool(operand) if name == "$exists" else name not in ("$ne", "$nin")


def _types_of(name: str, operand: object) -> frozenset[str]:
    if name == "$exists":
        return frozenset()
    return frozenset(map(_type, operand if isinstance(operand, list) else [operand]))


def _type(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def _mismatch(one: Comparison, types: frozenset[str], found: _Found) -> str:
    asked = " or ".join(sorted(_ONE[type] for type in one.types))
    there = " and ".join(sorted(_MANY.get(type, type) for type in types)) or "empty lists"
    told = (
        f'The filter compares "{one.field}" with {asked}, but its values are {there}{found.where}.'
    )
    if "object" in types:
        return f'{told} Name a field inside: "{one.field}.…".'
    if one.types == {"null"}:
        return f'{told} A field that is missing passes {{"$exists": false}}.'
    return f"{told} Compare it with a value of that type, or store the values in the other one."


def _nearest(name: str, names: Iterable[str]) -> str | None:
    plain = {re.sub(r"[\W_]", "", known).lower(): known for known in names}
    asked = re.sub(r"[\W_]", "", name).lower()
    near = difflib.get_close_matches(asked, plain, n=1)
    return plain[near[0]].replace(".", "\\.") if near else None


def _path(field: str) -> str:
    parts = (part.replace("\\.", ".") for part in _DOT.split(field))
    return "$." + ".".join(json.dumps(part, ensure_ascii=False) for part in parts)


def _literal(name: sql.Composable) -> sql.Literal:
    return sql.Literal(name.as_string())
