"""SQL about an attached table's rows: their key as one text, its parts again, their content."""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql
from psycopg.abc import AdaptContext

from embeddb.db.queries import Name
from embeddb.schema.attached import KeyColumn, SourceTable

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
"""Types that Postgres knows to be read from a text in one way only, whatever is set."""

EXACT_TYPES = frozenset(
    {"smallint", "integer", "bigint", "oid", "uuid", "boolean", "date", "bytea"}
)
"""Types whose equal values are written alike; 1.0 and 1.00 are equal numerics."""

STRING_TYPES = frozenset({"text", "character varying"})


class Fragment(sql.SQL):
    """SQL of the user's own in a statement with parameters: each percent sign is doubled."""

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        """Give the text."""
        return super().as_bytes(context).replace(b"%", b"%%")


def _literal(text: LiteralString) -> LiteralString:
    """Vouch for SQL that was looked at where it came in; mypy takes a str for one."""
    return text


def verbatim(text: str) -> sql.SQL:
    """Take SQL that the user or Postgres wrote as it is, for a statement without parameters."""
    return sql.SQL(_literal(text))


def fragment(text: str) -> Fragment:
    """Take SQL that the user or Postgres wrote as it is, for a statement with parameters."""
    return Fragment(_literal(text))


def base_type(name: str) -> str:
    """Give a type's name without its modifier: `timestamp(3) with time zone` loses the 3."""
    head, _, rest = name.partition("(")
    return head + rest.partition(")")[2]


def key_text(source: SourceTable, alias: str | None = None) -> sql.Composable:
    """Write a row's key as one text, in a statement without parameters.

    Args:
        source: the table.
        alias: what the row goes by; None: its columns stand alone.
    """
    return key_text_of(source.keys, [_column(key.name, alias) for key in source.keys])


def key_text_of(keys: tuple[KeyColumn, ...], columns: list[sql.Composable]) -> sql.Composable:
    """Write a key as one text, its columns given as SQL."""
    texts = [_as_text(column, key.type) for key, column in zip(keys, columns, strict=True)]
    if len(texts) == 1:
        return texts[0]
    return sql.SQL("pg_catalog.jsonb_build_array({})::text").format(sql.SQL(", ").join(texts))


def key_part(keys: tuple[KeyColumn, ...], position: int, id: sql.Composable) -> sql.Composable:
    """Write the text of one column of a key that is given as one text."""
    if len(keys) == 1:
        return id
    return sql.SQL("(({})::jsonb OPERATOR(pg_catalog.->>) {})").format(id, sql.Literal(position))


def key_value(keys: tuple[KeyColumn, ...], position: int, id: sql.Composable) -> sql.Composable:
    """Write one column of a key that is given as one text, in its own type."""
    part, kind = key_part(keys, position, id), keys[position].type
    if kind == "bytea":
        return sql.SQL("pg_catalog.decode({}, 'hex')").format(part)
    return sql.SQL("({})::{}").format(part, verbatim(kind))


def key_columns(source: SourceTable, alias: str) -> sql.Composable:
    """Write the columns of the key as the view names them, for a statement with parameters."""
    return sql.SQL(", ").join(Name(alias, key.view_name) for key in source.keys)


def key_values(source: SourceTable, id: sql.Composable) -> sql.Composable:
    """Write the columns of a key that is given as one text, in their own types."""
    return sql.SQL(", ").join(
        key_value(source.keys, position, id) for position in range(len(source.keys))
    )


def wanted_keys(source: SourceTable) -> sql.Composable:
    """Write that a document `d` is one of those whose ids are the parameter `ids`.

    By the columns of the key, so that the index of the source's own primary key finds it.
    """
    return sql.SQL("({}) IN (SELECT {} FROM pg_catalog.unnest(%(ids)s::text[]) AS k (id))").format(
        key_columns(source, "d"), key_values(source, sql.Identifier("k", "id"))
    )


def has_key_function(key: KeyColumn) -> bool:
    """Say whether Postgres must be told that reading the key from a text has but one result."""
    return base_type(key.type) not in IMMUTABLE_TYPES


def content(source: SourceTable) -> sql.Composable:
    """Write a row's text; columns that are NULL are skipped, and none at all is NULL."""
    if source.text is None:
        return sql.SQL("({})").format(verbatim(source.content_sql or source.expression or "NULL"))
    texts = [sql.SQL("{}::text").format(sql.Identifier(name)) for name in source.text]
    if len(texts) == 1:
        return texts[0]
    return sql.SQL("NULLIF(pg_catalog.concat_ws(E'\\n\\n', {}), '')").format(
        sql.SQL(", ").join(texts)
    )


def metadata(source: SourceTable) -> sql.Composable:
    """Write a row's metadata as one JSON object."""
    if not source.metadata:
        return sql.SQL("'{}'::jsonb")
    pairs = [part for name in source.metadata for part in (sql.Literal(name), sql.Identifier(name))]
    return sql.SQL("pg_catalog.jsonb_build_object({})").format(sql.SQL(", ").join(pairs))


def passes(source: SourceTable) -> sql.Composable | None:
    """Write which rows take part; None: all."""
    text = source.where_sql or source.where
    return None if text is None else sql.SQL("({})").format(verbatim(text))


def comparable(source: SourceTable, name: str) -> list[sql.Composable]:
    """Write a column so that it compares as unequal exactly where it reads otherwise.

    Texts by 128 bits of hash: of 100,000 rows the texts themselves would be written to disk once
    more to be set beside each other.
    """
    kind, column = base_type(source.types.get(name, "")), sql.Identifier(name)
    if kind in EXACT_TYPES or kind.startswith("timestamp"):
        return [column]
    text = column if kind in STRING_TYPES else sql.SQL("{}::text").format(column)
    return [
        sql.SQL('pg_catalog.hashtextextended({} COLLATE pg_catalog."C", {})').format(
            text, sql.Literal(seed)
        )
        for seed in (0, 1)
    ]


def _column(name: str, alias: str | None) -> sql.Composable:
    return sql.Identifier(name) if alias is None else sql.Identifier(alias, name)


def _as_text(column: sql.Composable, kind: str) -> sql.Composable:
    base = base_type(kind)
    if base == "bytea":
        return sql.SQL("pg_catalog.encode({}, 'hex')").format(column)
    if base in ("date", "timestamp without time zone"):
        return sql.SQL("(pg_catalog.to_jsonb({}) OPERATOR(pg_catalog.#>>) '{{}}')").format(column)
    if base == "timestamp with time zone":
        return sql.SQL(
            "CASE WHEN pg_catalog.isfinite({0}) THEN pg_catalog.concat(pg_catalog.to_jsonb("
            "pg_catalog.timezone('UTC', {0})) OPERATOR(pg_catalog.#>>) '{{}}', 'Z') "
            "ELSE {0}::text END"
        ).format(column)
    return sql.SQL("({})::text").format(column)
