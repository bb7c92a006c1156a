"""A collection over a table as a migration sees it, with what `--sql` needs to know of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql

from embeddb.schema.attached import KeyColumn, SourceTable
from embeddb.schema.declared import DeclaredEmbedding

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_SPELLED = {"varchar": "character varying", "char": "character", "float": "double precision"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A declared embedding, and the table that it is on.

    Attributes:
        key: the columns of the primary key.
        types: the types of the key's columns and of those that are read, as Postgres spells them.
    """

    declared: DeclaredEmbedding
    schema: str | None
    table: str
    key: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The collection's name."""
        return self.declared.name

    @property
    def source(self) -> str:
        """The table as SQL names it."""
        return table_text(self.schema, self.table)


def table_text(schema: str | None, table: str) -> str:
    """Return a table's name as SQL has it; without a schema, the search path finds it."""
    parts = (schema, table) if schema else (table,)
    return sql.Identifier(*parts).as_string()


def attachment_of(table: sa.Table, declared: DeclaredEmbedding) -> Attachment:
    """Return what a migration knows of an embedding that a model declares."""
    key = tuple(column.name for column in table.primary_key)
    read = _columns_read(declared, [column.name for column in table.c])
    types = {column.name: _spelled(column.type) for column in table.c}
    named = dict.fromkeys((*key, *read))
    return Attachment(
        declared=declared,
        schema=table.schema,
        table=table.name,
        key=key,
        types={name: types[name] for name in named},
    )


def source_offline(attachment: Attachment, default_schema: str, owner: str) -> SourceTable:
    """Return the source as far as it is known without asking a database.

    Expressions are taken to read every column that they name.
    """
    declared = attachment.declared
    known = list(attachment.types)
    content = declared.text or _named_in(declared.expression, known)
    return SourceTable(
        schema=attachment.schema or default_schema,
        table=attachment.table,
        keys=tuple(KeyColumn(name=name, type=attachment.types[name]) for name in attachment.key),
        text=declared.text,
        expression=declared.expression,
        metadata=declared.metadata,
        where=declared.where,
        title_column=declared.title_column,
        media_type=declared.media_type,
        media_type_column=declared.media_type_column,
        columns=_columns_read(declared, known),
        types=dict(attachment.types),
        content_columns=tuple(dict.fromkeys((*content, *_kinds(declared)))),
        owner=owner,
    )


def _columns_read(declared: DeclaredEmbedding, known: Iterable[str]) -> tuple[str, ...]:
    columns = list(known)
    content = declared.text or _named_in(declared.expression, columns)
    titles = [declared.title_column] if declared.title_column else []
    where = _named_in(declared.where, columns)
    read = (*content, *declared.metadata, *titles, *_kinds(declared), *where)
    return tuple(dict.fromkeys(read))


def _kinds(declared: DeclaredEmbedding) -> tuple[str, ...]:
    return (declared.media_type_column,) if declared.media_type_column else ()


def _named_in(text: str | None, columns: Iterable[str]) -> tuple[str, ...]:
    """Return the columns that SQL may read.

    One too many is harmless: a row is looked at again, and nothing about it has changed.
    """
    words = set(re.findall(r"\w+", text or ""))
    words |= {word.lower() for word in words}  # as Postgres reads a name without quotes
    quoted = re.findall(r'"((?:[^"]|"")+)"', text or "")
    words |= {name.replace('""', '"') for name in quoted}
    return tuple(name for name in columns if name in words)


def _spelled(kind: sa.types.TypeEngine[object]) -> str:
    """Return a type as Postgres spells it."""
    text = str(kind.compile(dialect=_DIALECT))
    if text.startswith('"'):
        return text
    head, bracket, rest = text.lower().partition("(")
    return _SPELLED.get(head, head) + bracket + rest
