"""SQL about an attached table's rows: their text, their metadata, which of them take part."""

from __future__ import annotations

from psycopg import sql

from embeddb.db.queries import verbatim
from embeddb.schema.attached import SourceTable
from embeddb.schema.keys import base_type

EXACT_TYPES = frozenset(
    {"smallint", "integer", "bigint", "oid", "uuid", "boolean", "date", "bytea"}
)
"""Types whose equal values are written alike; 1.0 and 1.00 are equal numerics."""

STRING_TYPES = frozenset({"text", "character varying"})


def content(source: SourceTable) -> sql.Composable:
    """Return the SQL of a row's text: columns that are not NULL; NULL where all are."""
    if source.text is None:
        return sql.SQL("({})").format(verbatim(source.content_sql or source.expression or "NULL"))
    if source.holds_bytes:
        column = sql.Identifier(source.text[0])
        return sql.SQL("pg_catalog.encode({}, 'base64')").format(column)
    texts = [sql.SQL("{}::text").format(sql.Identifier(name)) for name in source.text]
    if len(texts) == 1:
        return texts[0]
    return sql.SQL("NULLIF(pg_catalog.concat_ws(E'\\n\\n', {}), '')").format(
        sql.SQL(", ").join(texts)
    )


def media_type(source: SourceTable) -> sql.Composable:
    """Return the SQL of the kind of document that a row holds; NULL where it is no document."""
    if source.media_type_column is not None:
        return sql.SQL("{}::text").format(sql.Identifier(source.media_type_column))
    return sql.SQL("{}::text").format(sql.Literal(source.media_type))


def metadata(source: SourceTable) -> sql.Composable:
    """Return the SQL of a row's metadata, one JSON object."""
    names = source.metadata_read
    if not names:
        return sql.SQL("'{}'::jsonb")
    pairs = [part for name in names for part in (sql.Literal(name), sql.Identifier(name))]
    return sql.SQL("pg_catalog.jsonb_build_object({})").format(sql.SQL(", ").join(pairs))


def passes(source: SourceTable) -> sql.Composable | None:
    """Return the condition that a row takes part; None: every row does."""
    text = source.where_sql or source.where
    return None if text is None else sql.SQL("({})").format(verbatim(text))


def comparable(source: SourceTable, name: str) -> list[sql.Composable]:
    """Return the SQL of what compares as unequal exactly where a column reads otherwise.

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
