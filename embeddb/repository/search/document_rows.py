"""What a statement reads documents from: embeddb's own table, or a table of the application's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REGCLASS, TIMESTAMP
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import Grouping
from sqlalchemy.sql.selectable import NamedFromClause
from sqlalchemy.sql.util import ClauseAdapter

from embeddb.db.rendering import Expression, constant, count_all, number
from embeddb.schema import attached_ddl
from embeddb.schema.attached import SourceTable
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.key_expressions import key_value
from embeddb.schema.keys import base_type

SAMPLE_ROWS = 400
"""Documents that the filter is tried on: half a millisecond."""


class DocumentRows(ABC):
    """The documents of one collection; there is one of them for all compilers.

    So an expression of one compiler's columns means the same rows to another.

    Attributes:
        documents: what conditions are about; its columns are the collection's.
    """

    documents: NamedFromClause

    @abstractmethod
    def same(self, rows: sa.FromClause) -> Expression:
        """Return the condition that a document is the one that `rows` are chunks of, by its key."""

    @abstractmethod
    def key(self, rows: sa.FromClause) -> list[Expression]:
        """Return the key as a search function has it."""

    @abstractmethod
    def sample(self, condition: Expression) -> sa.CTE:
        """Return a CTE that looks at the documents of a few pages.

        Returns:
            One row: how many were `seen`, how many `passed` the condition, and how many there are
            in `total`, as ANALYZE knows.
        """


def document_rows(record: CollectionRecord, schema: str) -> DocumentRows:
    """Return what a collection's documents are read from."""
    if record.source is None:
        return _own(schema, record.tables.documents_name)
    return _attached(schema, record.tables.documents_name, record.source)


class OwnRows(DocumentRows):
    """Documents in a table of embeddb's."""

    def __init__(self, schema: str, name: str) -> None:
        self._table = sa.Table(
            name,
            sa.MetaData(schema=schema),
            sa.Column("id", sa.Text, primary_key=True),
            sa.Column("content", sa.Text),
            sa.Column("metadata", JSONB),
            sa.Column("uri", sa.Text),
            sa.Column("media_type", sa.Text),
            sa.Column("created_at", sa.DateTime(timezone=True)),
            sa.Column("updated_at", sa.DateTime(timezone=True)),
        )
        self._name = sql.Identifier(schema, name).as_string()
        self.documents = self._table.alias("d")

    def same(self, rows: sa.FromClause) -> Expression:
        """Return the condition that the ids are equal."""
        return self.documents.c.id == rows.c.id

    def key(self, rows: sa.FromClause) -> list[Expression]:
        """Return the id."""
        return [rows.c.id]

    def sample(self, condition: Expression) -> sa.CTE:
        """Return a CTE that looks at pages of the table itself."""
        total = _total(self._name, whole=True)
        some = sa.tablesample(self._table, sa.func.system(_percent(total)), name="s")
        same: dict[Expression, set[Expression]] = {
            column: {self._table.c[column.key]} for column in self.documents.c
        }
        asked = ClauseAdapter(some, equivalents=same).traverse(condition)
        return (
            sa.select(
                count_all().label("seen"),
                count_all().filter(asked).label("passed"),
                total.label("total"),
            )
            .select_from(some)
            .cte("sample")
            .prefix_with("MATERIALIZED")
        )


class AttachedRows(DocumentRows):
    """Documents that a view reads from a table of the application's.

    From a document to its chunks the way leads by `id`, and from a chunk to its document by the
    key's own columns, so that an index serves it either way.
    """

    def __init__(self, schema: str, name: str, source: SourceTable) -> None:
        self._source = source
        self._name = attached_ddl.table(source).as_string()
        types = {key.view_name: sql_type(key.type) for key in source.keys}
        types |= {"metadata": JSONB()}
        types |= {shown: sql_type(source.types.get(shown, "")) for shown in source.shown}
        keys = (sa.Column(key.name, sql_type(key.type)) for key in source.keys)
        self._table = sa.Table(source.table, sa.MetaData(schema=source.schema), *keys)
        view = sa.Table(
            name,
            sa.MetaData(schema=schema),
            *(
                sa.Column(column, types.get(column, sa.Text()))
                for column, _ in attached_ddl.documents_select(source)
            ),
        )
        self.documents = view.alias("d")

    def same(self, rows: sa.FromClause) -> Expression:
        """Return the condition that the key's columns are equal: a chunk's, or read from its id."""
        return sa.and_(
            *(
                self.documents.c[key.view_name] == self._value(rows, position)
                for position, key in enumerate(self._source.keys)
            )
        )

    def key(self, rows: sa.FromClause) -> list[Expression]:
        """Return the key's columns in their own types, under their own names if these are free."""
        return [self.documents.c[key.view_name].label(key.search_name) for key in self._source.keys]

    def sample(self, condition: Expression) -> sa.CTE:
        """Return a CTE that looks at pages of the table, each row read by the view.

        So nothing of the user's own SQL is in a statement, where a session's search_path would
        be what its names are looked up in. What row-level security hides is not counted by
        Postgres, and counts as seen all the same: it is among the chunks that an index finds.
        """
        total = _total(self._name, whole=False)
        some = sa.tablesample(self._table, sa.func.system(_percent(total)), name="s")
        same = (self.documents.c[key.view_name] == some.c[key.name] for key in self._source.keys)
        # OFFSET keeps Postgres from joining otherwise than by looking up one row after the other
        passes = sa.func.coalesce(_Apart(condition), sa.false()).label("passes")
        read = sa.select(passes).select_from(self.documents).where(*same)
        shown = read.correlate(some).offset(number(0)).lateral("shown")
        looked_at: Expression = count_all()
        seen: Expression = count_all().filter(shown.c.passes.is_not(None))
        if self._source.row_security:
            looked_at = sa.func.greatest(looked_at, sa.func.least(total, number(SAMPLE_ROWS)))
            seen = looked_at
        among = sa.func.greatest(sa.cast(looked_at, sa.Double), number(1))
        return (
            sa.select(
                sa.cast(seen, sa.BigInteger).label("seen"),
                count_all().filter(shown.c.passes).label("passed"),
                (total * seen / among).label("total"),
            )
            .select_from(some.outerjoin(shown, sa.true()))
            .cte("sample")
            .prefix_with("MATERIALIZED")
        )

    def _value(self, rows: sa.FromClause, position: int) -> Expression:
        key = self._source.keys[position]
        if key.chunk_name in rows.c:
            return rows.c[key.chunk_name]
        return key_value(self._source.keys, position, rows.c.id)


class _Apart(Grouping[Any]):
    """A condition inside LATERAL, compiled as it is elsewhere.

    SQLAlchemy's search for missing joins counts every comparison within LATERAL for LATERAL, those
    of subqueries in it too, and would warn of an EXISTS over two tables that are joined all right.
    """

    inherit_cache = True


@compiles(_Apart)
def _compile_apart(element: _Apart, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401
    for name in ("lateral_from_linter", "enclosing_lateral"):
        options.pop(name, None)
    text: str = compiler.visit_grouping(element, **options)  # type: ignore[no-untyped-call]
    return text


def sql_type(spelling: str) -> sa.types.TypeEngine[Any]:
    """Return SQLAlchemy's type for a type as Postgres spells it: values are sent as such."""
    base = base_type(spelling)
    if base.endswith("[]"):
        return ARRAY(sql_type(base.removesuffix("[]")))
    if base == "timestamp with time zone":
        return TIMESTAMP(timezone=True)
    known = ischema_names.get(base)
    return sa.types.NULLTYPE if known is None else known()


@cache
def _own(schema: str, name: str) -> OwnRows:
    return OwnRows(schema, name)


@cache
def _attached(schema: str, name: str, source: SourceTable) -> AttachedRows:
    return AttachedRows(schema, name, source)


def _percent(total: Expression) -> Expression:
    return sa.func.least(number(100), number(100.0 * SAMPLE_ROWS) / total)


def _total(name: str, *, whole: bool) -> Expression:
    """Return the rows of a table as ANALYZE counted them; unless `whole`, with its partitions'."""
    tables = sa.table("pg_class", sa.column("oid"), sa.column("reltuples"), schema="pg_catalog")
    relation = sa.cast(constant(name), REGCLASS)
    if whole:
        counted = sa.select(sa.func.greatest(tables.c.reltuples, number(1)))
        return counted.where(tables.c.oid == relation).scalar_subquery()
    tree = sa.func.pg_catalog.pg_partition_tree(relation).table_valued("relid")
    known = sa.func.greatest(tables.c.reltuples, number(0))
    rows = sa.func.pg_catalog.sum(known, type_=sa.Double())
    counted = sa.select(sa.func.greatest(rows, number(1.0)))
    partitions = sa.select(tree.c.relid)
    return counted.where(
        sa.or_(tables.c.oid == relation, tables.c.oid.in_(partitions))
    ).scalar_subquery()
