"""`Embedding(…)`: a line in a declarative model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Unpack, overload

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Mapper

from embeddb.errors import ConfigurationError
from embeddb.schema import dependencies
from embeddb.schema.declared import INFO, DeclaredEmbedding, name_conflict
from embeddb.schema.names import check_name
from embeddb.schema.spec import EmbeddingFields, EmbeddingSpec
from embeddb.sqlalchemy.attribute import EmbeddingAttribute
from embeddb.sqlalchemy.expression import EmbeddedTable


class Embedding:
    """An embedding of a model's rows, as an attribute of its class.

    Alembic creates what it needs in the database, and triggers and workers keep it up to date. The
    class attribute has `nearest(…)`, `distance(…)` and `search(…)`.

    Args:
        text: the attributes or columns that are the text, in their order.
        expression: the text in SQL, in place of columns.
        metadata: attributes or columns that searches show and filter by.
        where: which rows take part, in SQL; None: all.
        name: the collection's name; None: the table's.
        depends_on: the other tables that an expression reads by subqueries, and what leads from
            each to the rows: the column or columns that hold their key, or a SELECT of the keys.
        title_column: the attribute or column that is put before each chunk; None: `title`, if it
            is metadata.
        media_type: what kind of documents the one column of the text holds, such as `text/html`.
        media_type_column: the attribute or column that has the media type of each.
        embedding_column: an attribute or column of pgvector's in which the rows have the model's
            vectors already, as they are taken when the collection is attached.
        fields: what `EmbeddingSpec` takes. `model` is required, and a name: a preset, a path, a
            hub name, `openai:…` or `python:…`. Optional are `distance`, `storage`, `transform`,
            `index`, `chunker`, `normalize`, `layout` and `partition_by`; the last two name one of
            the metadata columns.

    Raises:
        ConfigurationError: what is declared contradicts itself.
        IndexSpecError, TransformError: the same of the index and of the transform.
    """

    def __init__(
        self,
        *text: str,
        expression: str | None = None,
        metadata: Sequence[str] = (),
        where: str | None = None,
        name: str | None = None,
        depends_on: Mapping[str, str | Sequence[str]] | None = None,
        title_column: str | None = None,
        media_type: str | None = None,
        media_type_column: str | None = None,
        embedding_column: str | None = None,
        **fields: Unpack[EmbeddingFields],
    ) -> None:
        if bool(text) == bool(expression):
            raise ConfigurationError(
                "An Embedding has columns, Embedding('title', 'body', …), or expression='…'."
            )
        self._spec = EmbeddingSpec(**fields)
        if not isinstance(self._spec.model, str):
            raise ConfigurationError(
                "An Embedding's model is a name that every migration and worker can load: a "
                "preset, a path, a hub name, 'openai:…' or 'python:package.module:function'."
            )
        self.name = None if name is None else check_name(name)
        self._tables: dict[type, sa.Table] = {}
        self._text = text
        self._expression = expression
        self._metadata = (metadata,) if isinstance(metadata, str) else tuple(metadata)
        self._where = where
        self._depends_on = dependencies.parse(depends_on)
        self._title_column = title_column
        self._media_type = media_type
        self._media_type_column = media_type_column
        self._embedding_column = embedding_column

    def __set_name__(self, owner: type, name: str) -> None:
        self._attribute = name

    @overload
    def __get__(self, instance: None, owner: type) -> EmbeddingAttribute: ...

    @overload
    def __get__(self, instance: object, owner: type) -> NoReturn: ...

    def __get__(self, instance: object | None, owner: type) -> EmbeddingAttribute:
        """Return what searches, on the class or on an alias of it."""
        if instance is not None:
            raise AttributeError(
                f"{owner.__name__}.{self._attribute} searches: ask the class, not an instance."
            )
        return EmbeddingAttribute(*self._searched(self._table_of(owner)), owner)

    def collection_of(self, owner: type) -> str:
        """Return the name of a mapped class's collection.

        Raises:
            ConfigurationError: the class is not mapped to a table.
        """
        return self._name_on(self._table_of(owner))

    def attribute_of(self, table: sa.Table) -> EmbeddingAttribute:
        """Return what searches, of a table that no class is mapped to."""
        return EmbeddingAttribute(*self._searched(table), table)

    def _table_of(self, owner: type) -> sa.Table:
        for base in owner.__mro__:
            if base in self._tables:
                return self._tables[base]
        raise ConfigurationError(f"{owner.__name__} is mapped to no table, so nothing is embedded.")

    def declared_on(
        self,
        table: sa.Table,
        attributes: Mapping[str, sa.Column[Any]],
        owner: type | None = None,
    ) -> None:
        """Enter the declaration into the `info` of a table's MetaData, where Alembic finds it.

        Args:
            table: the table.
            attributes: its columns by the names that the declaration may use.
            owner: the class that is mapped to it.

        Raises:
            ConfigurationError: it names an unknown column, another embedding of the table has the
                same name, or it is laid out by a column that is not in its metadata.
            EmbeddingConflictError: an embedding of another table has the same name.
        """
        name = self._name_on(table)
        named = [_column(table, attributes, key) for key in self._text]
        metadata = tuple(_column(table, attributes, key) for key in self._metadata)
        self._spec.check_metadata(metadata)
        title, kind = self._title_column, self._media_type_column
        declared = DeclaredEmbedding(
            name=name,
            spec=self._spec,
            text=tuple(named) or None,
            expression=self._expression,
            metadata=metadata,
            where=self._where,
            named=self.name is not None,
            depends_on=self._depends_on,
            title_column=None if title is None else _column(table, attributes, title),
            media_type=self._media_type,
            media_type_column=None if kind is None else _column(table, attributes, kind),
            embedding_column=(
                self._embedding_column and _column(table, attributes, self._embedding_column)
            ),
        )
        tables: dict[str, dict[str, DeclaredEmbedding]] = table.metadata.info.setdefault(INFO, {})
        for other in tables:
            if name in tables[other] and other != table.key and other in table.metadata.tables:
                raise name_conflict(name, table.metadata.tables[other].fullname, table.fullname)
        if owner is not None:
            self._tables[owner] = table
        known = tables.setdefault(table.key, {})
        if known.setdefault(name, declared) != declared:
            raise ConfigurationError(
                f"Two embeddings of {table.fullname} are named {name!r}: give one of them a "
                "name of its own, Embedding(…, name='…')."
            )

    def _name_on(self, table: sa.Table) -> str:
        return self.name or check_name(table.name)

    def _searched(self, table: sa.Table) -> tuple[str, EmbeddedTable]:
        """Return the name of a table's collection, and the table as a search knows it."""
        name = self._name_on(table)
        others = frozenset(table.metadata.info[INFO][table.key]) - {name}
        return name, EmbeddedTable(table.schema, table.name, self.name is None, others)


def declare(table: sa.Table, embedding: Embedding) -> EmbeddingAttribute:
    """Declare an embedding on a Table that no class is mapped to, and return what searches it."""
    embedding.declared_on(table, {})
    return embedding.attribute_of(table)


def _column(table: sa.Table, attributes: Mapping[str, sa.Column[Any]], key: str) -> str:
    found = attributes.get(key)
    if found is None:
        found = table.c.get(key)
    if found is None:
        found = next((column for column in table.c if column.name == key), None)
    if found is None:
        known = ", ".join(column.name for column in table.c)
        raise ConfigurationError(
            f"An Embedding reads {key!r}, and {table.fullname} has no such column: {known}."
        )
    if found.table is not table:
        raise ConfigurationError(
            f"An Embedding on {table.fullname} reads {key!r}, which is a column of "
            f"{found.table.description}: declare it on the class of that table."
        )
    return found.name


@event.listens_for(Mapper, "after_mapper_constructed")
def _declare_all(mapper: Mapper[Any], cls: type) -> None:
    """Declare the embeddings of a class that has been mapped, and those of its mixins."""
    seen: set[str] = set()
    for base in cls.__mro__:
        if base is not cls and "__mapper__" in vars(base):
            break  # what that one declares is on its own table
        for name, value in vars(base).items():
            if isinstance(value, Embedding) and name not in seen:
                _declare_on(mapper, cls, value)
            seen.add(name)


def _declare_on(mapper: Mapper[Any], cls: type, embedding: Embedding) -> None:
    if isinstance(mapper.local_table, sa.Table):
        columns = mapper.columns.items()
        own = {key: column for key, column in columns if isinstance(column, sa.Column)}
        embedding.declared_on(mapper.local_table, own, cls)
