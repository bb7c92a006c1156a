"""What vectors are compared by: the same expressions in a statement and in an index's definition.

Postgres reads an index only where the statement has exactly the index's expression.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

import sqlalchemy as sa
from pgvector.sqlalchemy import BIT, HALFVEC, VECTOR
from psycopg import sql
from sqlalchemy.dialects.postgresql import ARRAY

from embeddb.db.database import TransactionSource
from embeddb.db.rendering import (
    Bits,
    Expression,
    Qualified,
    Written,
    as_definition,
    constant,
)
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.distances import Distance
from embeddb.schema.index_rules import Indexed, indexed
from embeddb.schema.indexes import derived_of
from embeddb.schema.storage import Storage

_COLUMN_TYPES: dict[Storage, Any] = {
    Storage.VECTOR: VECTOR,
    Storage.HALFVEC: HALFVEC,
    Storage.INT8: lambda dim: ARRAY(sa.CHAR()),
    Storage.BIT: BIT,
}


class Columns(Protocol):
    """Columns of a table that has an `embedding`, and a `scale` beside it where that is int8."""

    @property
    def embedding(self) -> Expression:
        """The stored vector."""

    @property
    def scale(self) -> Expression:
        """What gives the numbers of an int8 vector their size again."""


def columns_of(table: sa.FromClause) -> Columns:
    """Return the columns of a table that has vectors."""
    return cast(Columns, table.c)


class Vectors:
    """Expressions over what one generation stores, and over a query for it."""

    def __init__(self, record: CollectionRecord, *, schema: str, vector_schema: str) -> None:
        self._generation = record.generation
        self._tables = record.tables
        self._schema = schema
        self._vector_schema = vector_schema
        self._derived = derived_of(record.generation.index)
        self._held = indexed(record.generation, self._derived)

    @classmethod
    def of(cls, record: CollectionRecord, database: TransactionSource) -> Vectors:
        """Return the expressions of a generation in this database."""
        return cls(record, schema=database.schema, vector_schema=database.vector_schema())

    @property
    def is_rescored(self) -> bool:
        """Whether an index holds something smaller than what is stored."""
        return self._derived is not None

    @property
    def held(self) -> Indexed:
        """What the index holds."""
        return self._held

    def columns(self) -> list[sa.Column[Any]]:
        """Return the columns that hold a vector."""
        storage = self._generation.storage
        found = [sa.Column("embedding", _COLUMN_TYPES[storage](self._generation.stored_dim))]
        if storage is Storage.INT8:
            found.append(sa.Column("scale", sa.REAL))
        return found

    def stored(self, columns: Columns) -> Expression:
        """Return a stored vector in the type that it is compared as."""
        if self._generation.storage is not Storage.INT8:
            return columns.embedding
        dim = self._generation.stored_dim
        decoded = self.cast(sa.cast(columns.embedding, ARRAY(sa.Integer)), "halfvec", dim)
        if self._generation.distance is Distance.COSINE:
            return decoded
        return self.scaled(columns)

    def scaled(self, columns: Columns) -> Expression:
        """Return a stored vector with its own length, whatever its distance needs."""
        if self._generation.storage is not Storage.INT8:
            return columns.embedding
        dim = self._generation.stored_dim
        decoded = self.cast(sa.cast(columns.embedding, ARRAY(sa.Integer)), "halfvec", dim)
        sizes = sa.func.pg_catalog.array_fill(
            columns.scale, sa.literal_column("ARRAY[" + str(dim) + "]")
        )
        return self.cast(
            decoded.op(self.operator("*"))(self.cast(sizes, "halfvec", dim)), "halfvec", dim
        )

    def sent(self, alias: str) -> Expression:
        """Return a stored vector in its binary format, of a table that goes by `alias`."""
        columns = _columns_as(alias)
        if self._generation.storage is Storage.BIT:
            return sa.func.pg_catalog.bit_send(columns.embedding)
        return self.own(self._generation.storage.compared_as + "_send")(self.scaled(columns))

    def mean(self, alias: str) -> Expression:
        """Return the mean of stored vectors, of a table that goes by `alias`, as a `vector`.

        Bits count as 1 and -1.
        """
        if self._generation.storage is not Storage.BIT:
            return self.cast(self.own("avg")(self.scaled(_columns_as(alias))), "vector")
        return self.cast(self.own("avg")(self.whole(alias)), "vector")

    def whole(self, alias: str) -> Expression:
        """Return a stored vector as a `vector`, of a table that goes by `alias`.

        Bits are 1 and -1.
        """
        columns = _columns_as(alias)
        if self._generation.storage is not Storage.BIT:
            return self.cast(self.scaled(columns), "vector")
        pg = sa.func.pg_catalog
        text: Expression = pg.translate(
            sa.cast(columns.embedding, sa.Text), constant("01"), constant("ab")
        )
        for letter, digit in (("a", "-1,"), ("b", "1,")):
            text = pg.replace(text, constant(letter), constant(digit))
        numbers = pg.concat(constant("["), pg.rtrim(text, constant(",")), constant("]"))
        return self.cast(numbers, "vector")

    def sent_as_compared(self, alias: str) -> Expression:
        """Return a stored vector as it is compared, in its binary format; not for bits."""
        send = self.own(self._generation.storage.compared_as + "_send")
        return send(self.stored(_columns_as(alias)))

    def query(self, vector: Expression) -> Expression:
        """Return a query, a `vector`, in the type that stored vectors are compared as."""
        typed = self.cast(vector, "vector")
        match self._generation.storage.compared_as:
            case "halfvec":
                return self.cast(typed, "halfvec")
            case "bit":
                return self._bits(typed, self._generation.stored_dim)
            case _:
                return typed

    def derived(self, compared: Expression) -> Expression:
        """Return what the index holds of a vector."""
        derived = self._derived
        if derived is None:
            return compared
        if derived.kind == "bit":
            if not derived.has_thresholds:
                return self._bits(compared, self._held.dim)
            code = self.function(self._tables.code_function)(compared)
            return sa.cast(code, Bits(self._held.dim))
        if derived.kind == "halfvec":
            return self.cast(compared, "halfvec", self._held.dim)
        part = self.own("subvector")(
            compared, sa.literal_column("1"), sa.literal_column(str(self._held.dim))
        )
        return self.cast(part, self._held.type, self._held.dim)

    def distance(self, left: Expression, right: Expression) -> Expression:
        """Return the distance between two vectors as they are compared."""
        return self._between(left, right, self._generation.distance)

    def derived_distance(self, left: Expression, right: Expression) -> Expression:
        """Return the distance between what an index holds of two vectors."""
        return self._between(left, right, self._held.distance)

    def index_expression(self) -> sql.Composable:
        """Return what the index is on, for CREATE INDEX."""
        return Written("(" + as_definition(self.derived(self.stored(_Bare()))) + ")")

    def function_schema(self) -> sa.quoted_name:
        """Return embeddb's schema as it stands before a function.

        SQLAlchemy doubles percent signs everywhere but in functions and their schemas.
        """
        return sa.quoted_name(self._schema.replace("%", "%%"), True)

    def function(self, name: str) -> Callable[..., Expression]:
        """Return a function of the collection's, named with its schema."""
        own = getattr(sa.func, self.function_schema())
        found: Callable[..., Expression] = getattr(
            own, sa.quoted_name(name.replace("%", "%%"), True)
        )
        return found

    def operator(self, operator: str) -> str:
        """Return an operator of pgvector's with its schema."""
        return "OPERATOR(" + sql.Identifier(self._vector_schema).as_string() + "." + operator + ")"

    def own(self, function: str) -> Callable[..., Expression]:
        """Return a function of pgvector's, named with its schema."""
        schema = sa.quoted_name(self._vector_schema.replace("%", "%%"), True)
        found: Callable[..., Expression] = getattr(getattr(sa.func, schema), function)
        return found

    def cast(self, value: Expression, kind: str, dim: int | None = None) -> Expression:
        """Return a value cast to a type of pgvector's."""
        return sa.cast(value, Qualified(self._vector_schema, kind, dim))

    def _between(self, left: Expression, right: Expression, distance: Distance) -> Expression:
        return left.op(self.operator(distance.operator), return_type=sa.Double())(right)

    def _bits(self, vector: Expression, dim: int) -> Expression:
        return sa.cast(self.own("binary_quantize")(vector), Bits(dim))


def _columns_as(alias: str) -> Columns:
    return columns_of(sa.table(alias, sa.column("embedding"), sa.column("scale")))


class _Bare:
    """Columns without their table's name, as DDL has them."""

    @property
    def embedding(self) -> Expression:
        return sa.literal_column("embedding")

    @property
    def scale(self) -> Expression:
        return sa.literal_column("scale")
