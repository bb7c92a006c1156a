"""A row's key as one text, and its columns read back: the one place that knows how.

The key of an attached row joins its job, its chunks and its hits. Views, triggers, generated
columns, statements and SQL functions all write and read it by the rules below: two spellings of
one key would be two rows. A key of one column is that column's text. A key of several is a JSON
array of their texts. Dates and timestamps are in ISO 8601 and bytes in hexadecimal, so that
DateStyle, TimeZone and bytea_output do not change how a key reads. Types without a rule of their
own are cast to text; of those, settings change how intervals, floats, ranges of times and money
read. Functions and embeddb's own sessions are set (`embeddb.db.session`) so that all but money
read alike.

Stored keys were written by these rules, so what a rule writes never changes. Every name and
operator has its schema, because views and statements run under the caller's search_path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from embeddb.db.queries import Name, fragment, verbatim
from embeddb.schema.attached import SEARCHED, KeyColumn, SourceTable

IMMUTABLE_TYPES = frozenset(
    {
        "smallint",
        "integer",
        "bigint",
        "numeric",
        "text",
        "character varying",
        "uuid",
        "boolean",
        "oid",
        "bytea",
    }
)
"""Types whose input Postgres declares immutable, so that a generated column may read them."""


READ_ALIKE = frozenset(IMMUTABLE_TYPES - {"numeric"}) | {
    "date",
    "timestamp without time zone",
    "timestamp with time zone",
}
"""Types whose equal values are written alike. Others have values that are equal and are written in
several ways: 1.0 and 1.00, 'abc' and 'ABC' as citext, '1 day' and '24 hours'."""


WIDTHS = (
    frozenset({"smallint", "integer", "bigint"}),
    frozenset({"text", "character varying"}),
)
"""Types between which a column of a key may change: a value's text stays the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRule:
    """How the columns of some types are written as text and read back.

    Attributes:
        types: a regular expression for Python and Postgres alike, matched against the whole name
            of a type as Postgres spells it.
        text: SQL with {0} for the column.
        value: SQL with {0} for the text and {1} for the type.
    """

    types: str
    text: LiteralString
    value: LiteralString = "({0})::{1}"


_TIMESTAMP = "timestamp([(][0-9][)])?"

RULES = (
    KeyRule(
        types="bytea",
        text="pg_catalog.encode({0}, 'hex')",
        value="pg_catalog.decode({0}, 'hex')",
    ),
    # to_jsonb writes ISO 8601 whatever DateStyle says, and #>> takes the quotes off
    KeyRule(
        types=f"date|{_TIMESTAMP} without time zone",
        text="(pg_catalog.to_jsonb({0}) OPERATOR(pg_catalog.#>>) '{{}}')",
    ),
    # in UTC, because to_jsonb of the column itself would have the session's offset. Infinity has no
    # offset and takes none when it is read, and BC stands at the very end or cannot be read
    KeyRule(
        types=f"{_TIMESTAMP} with time zone",
        text=(
            "CASE WHEN pg_catalog.isfinite({0}) THEN pg_catalog.replace(pg_catalog.concat("
            "pg_catalog.to_jsonb(pg_catalog.timezone('UTC', {0})) OPERATOR(pg_catalog.#>>) '{{}}', "
            "'Z'), ' BCZ', 'Z BC') ELSE {0}::text END"
        ),
    ),
)
"""The types that are not written as a cast to text writes them."""

_OTHER = KeyRule(types=".*", text="({0})::text")

ARRAY: LiteralString = "pg_catalog.jsonb_build_array({0})::text"
"""The key of several columns, {0} their texts."""

PART: LiteralString = "(({0})::jsonb OPERATOR(pg_catalog.->>) {1})"
"""One text of a key of several columns, {0} the key and {1} the position."""


def rule_of(type: str) -> KeyRule:
    """Return the rule for a type as Postgres spells it."""
    return next((rule for rule in RULES if re.fullmatch(rule.types, type)), _OTHER)


def base_type(name: str) -> str:
    """Return a type's name without its modifier: `timestamp(3) with time zone` loses the 3."""
    head, _, rest = name.partition("(")
    return head + rest.partition(")")[2]


def has_key_function(key: KeyColumn) -> bool:
    """Return whether reading a column back takes a function that is declared immutable."""
    return base_type(key.type) not in IMMUTABLE_TYPES


# as psycopg composes statements


def same_texts(before: Sequence[KeyColumn], now: Sequence[KeyColumn]) -> bool:
    """Return whether keys are of the same columns, and read as before: at most wider ones."""
    return [key.name for key in before] == [key.name for key in now] and all(
        old.type == new.type
        or any({base_type(old.type), base_type(new.type)} <= types for types in WIDTHS)
        for old, new in zip(before, now, strict=True)
    )


def read_alike(keys: Sequence[KeyColumn]) -> bool:
    """Return whether equal keys always have the same text."""
    return all(base_type(key.type) in READ_ALIKE for key in keys)


def equal_keys(
    keys: Sequence[KeyColumn], alias: str, values: Sequence[sql.Composable]
) -> sql.Composable:
    """Return the condition that the key of chunks is equal to values of its columns' types.

    As arrays, which are compared by the equality of their elements' own type: an operator of an
    extension's type, as of citext, is not found by its name under every search_path.
    """
    return sql.SQL(" AND ").join(
        sql.SQL("ARRAY[{}] OPERATOR(pg_catalog.=) ARRAY[{}]").format(
            Name(alias, key.chunk_name), value
        )
        for key, value in zip(keys, values, strict=True)
    )


def key_text(source: SourceTable, alias: str | None = None) -> sql.Composable:
    """Return the SQL of a row's key, for a statement without parameters.

    Args:
        source: the table.
        alias: what the row goes by; None: its columns stand alone.
    """
    prefix = () if alias is None else (alias,)
    columns = [sql.Identifier(*prefix, key.name) for key in source.keys]
    return key_text_of(source.keys, columns)


def key_text_of(keys: Sequence[KeyColumn], columns: Sequence[sql.Composable]) -> sql.Composable:
    """Return the SQL of a key whose columns are given as SQL."""
    texts = [
        sql.SQL(rule_of(key.type).text).format(column)
        for key, column in zip(keys, columns, strict=True)
    ]
    if len(texts) == 1:
        return texts[0]
    return sql.SQL(ARRAY).format(sql.SQL(", ").join(texts))


def key_value(keys: Sequence[KeyColumn], position: int, id: sql.Composable) -> sql.Composable:
    """Return the SQL of a key's column in its own type, for a statement without parameters."""
    return _value(keys, position, id, verbatim)


def key_value_of(source: SourceTable, position: int, id: sql.Composable) -> sql.Composable:
    """Return the SQL of a key's column in its own type, for a statement with parameters."""
    return _value(source.keys, position, id, fragment)


def _value(
    keys: Sequence[KeyColumn],
    position: int,
    id: sql.Composable,
    written: Callable[[str], sql.SQL],
) -> sql.Composable:
    part = id if len(keys) == 1 else sql.SQL(PART).format(id, sql.Literal(position))
    kind = keys[position].type
    return sql.SQL(rule_of(kind).value).format(part, written(kind))


def key_columns(source: SourceTable, alias: str) -> sql.Composable:
    """Return the key's columns as the view names them, for a statement with parameters."""
    return sql.SQL(", ").join(Name(alias, key.view_name) for key in source.keys)


def key_values(source: SourceTable, id: sql.Composable) -> sql.Composable:
    """Return the SQL of a key's columns in their own types, for a statement with parameters."""
    return sql.SQL(", ").join(
        _value(source.keys, position, id, fragment) for position in range(len(source.keys))
    )


def is_asked_for(source: SourceTable) -> sql.Composable:
    """Return the condition that a document `d` is one of those in the parameter `ids`.

    It compares the columns of the key, so that the source's own primary key finds the rows.
    """
    return sql.SQL("({}) IN (SELECT {} FROM pg_catalog.unnest(%(ids)s::text[]) AS k (id))").format(
        key_columns(source, "d"), key_values(source, sql.Identifier("k", "id"))
    )


def function_parts() -> dict[str, sql.Composable]:
    """Return what sql/functions/search.sql needs to write the key of a collection it looks up.

    `key_text` is an expression over `k.type` and `k.name` that is the SQL of a column's text;
    `key_array` is a format string for several such; `searched` names the columns that a search
    function returns beside the key.
    """
    cases = [
        sql.SQL("WHEN k.type OPERATOR(pg_catalog.~) {} THEN pg_catalog.format({}, k.name)").format(
            sql.Literal(f"^({rule.types})$"), _format_string(rule.text)
        )
        for rule in RULES
    ]
    other = _format_string(_OTHER.text)
    return {
        "key_text": sql.SQL("CASE {} ELSE pg_catalog.format({}, k.name) END").format(
            sql.SQL(" ").join(cases), other
        ),
        "key_array": _format_string(ARRAY),
        "searched": sql.Literal(sorted(SEARCHED)),
    }


def _format_string(template: str) -> sql.Literal:
    """Return a template as pg_catalog.format() takes it."""
    return sql.Literal(template.replace("%", "%%").format("%1$s"))


# in Python


def split_key(keys: Sequence[KeyColumn], id: str) -> list[str]:
    """Return the texts of the key's columns."""
    return [id] if len(keys) == 1 else list(json.loads(id))


def join_key(texts: Sequence[str]) -> str:
    """Return a key that reads back as these texts; Postgres may escape it otherwise."""
    return texts[0] if len(texts) == 1 else json.dumps(list(texts))
