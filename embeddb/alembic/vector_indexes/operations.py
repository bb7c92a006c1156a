"""Operations on vector indexes: data with its reverse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alembic.operations import MigrateOperation, Operations
from sqlalchemy import TextClause

from embeddb.alembic.vector_indexes.definition import VectorIndex, options_of


class _VectorIndexOp(MigrateOperation):
    """An operation on one vector index."""

    def __init__(self, index: VectorIndex, *, concurrently: bool = True) -> None:
        self.index = index
        self.concurrently = concurrently

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.index!r}, concurrently={self.concurrently})"

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what changes, for `alembic check`."""
        return (self.verb, self.index)

    verb = ""


@Operations.register_operation("create_vector_index")
class CreateVectorIndexOp(_VectorIndexOp):
    """Build a vector index."""

    verb = "add_vector_index"

    def reverse(self) -> DropVectorIndexOp:
        """Return the operation that drops the index."""
        return DropVectorIndexOp(self.index, concurrently=self.concurrently)

    @classmethod
    def create_vector_index(
        cls,
        operations: Operations,
        index_name: str,
        table_name: str,
        column: str | TextClause,
        *,
        opclass: str | None = None,
        method: str = "hnsw",
        with_: Mapping[str, int] | None = None,
        where: str | None = None,
        schema: str | None = None,
        concurrently: bool = True,
    ) -> None:
        """Build a vector index while others read and write.

        What an interrupted build left invalid is dropped first. The build gets memory and
        parallel workers by an estimate, and logs how far it is as `embeddb.alembic`.

        Args:
            operations: given by Alembic.
            index_name: the index's name.
            table_name: the table.
            column: a column, or an expression as `sa.text("embedding::halfvec(384)")`.
            opclass: e.g. `vector_cosine_ops`; HNSW has no default one.
            method: hnsw or ivfflat.
            with_: m and ef_construction of hnsw, lists of ivfflat.
            where: the condition of a partial index.
            schema: the table's schema.
            concurrently: whether others may write meanwhile; what came before in the migration is
                committed first. False: build in the migration's own transaction.
        """
        index = _index(index_name, table_name, column, schema, method, opclass, with_, where)
        operations.invoke(cls(index, concurrently=concurrently))


@Operations.register_operation("drop_vector_index")
class DropVectorIndexOp(_VectorIndexOp):
    """Drop a vector index."""

    verb = "remove_vector_index"

    def reverse(self) -> CreateVectorIndexOp:
        """Return the operation that builds the index again, as it was found."""
        return CreateVectorIndexOp(self.index, concurrently=self.concurrently)

    @classmethod
    def drop_vector_index(
        cls,
        operations: Operations,
        index_name: str,
        table_name: str,
        *,
        schema: str | None = None,
        concurrently: bool = True,
    ) -> None:
        """Drop a vector index, if it is there, while others read and write.

        Args:
            operations: given by Alembic.
            index_name: the index's name.
            table_name: its table.
            schema: the table's schema.
            concurrently: whether others may write meanwhile; what came before in the migration is
                committed first. False: drop it in the migration's own transaction.
        """
        index = VectorIndex(name=index_name, table=table_name, schema=schema, on="", is_column=True)
        operations.invoke(cls(index, concurrently=concurrently))


@Operations.register_operation("alter_vector_index")
class AlterVectorIndexOp(_VectorIndexOp):
    """Build a vector index anew, by another definition, and put it in the old one's place."""

    verb = "modify_vector_index"

    def __init__(
        self,
        index: VectorIndex,
        *,
        existing: VectorIndex | None = None,
        concurrently: bool = True,
    ) -> None:
        super().__init__(index, concurrently=concurrently)
        self.existing = existing

    def reverse(self) -> AlterVectorIndexOp:
        """Return the operation that gives the index its old definition again."""
        if self.existing is None:
            raise ValueError("The index's old definition is not known.")
        return AlterVectorIndexOp(
            self.existing, existing=self.index, concurrently=self.concurrently
        )

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what changes, for `alembic check`."""
        return (self.verb, self.existing, self.index)

    @classmethod
    def alter_vector_index(
        cls,
        operations: Operations,
        index_name: str,
        table_name: str,
        column: str | TextClause,
        *,
        opclass: str | None = None,
        method: str = "hnsw",
        with_: Mapping[str, int] | None = None,
        where: str | None = None,
        schema: str | None = None,
        concurrently: bool = True,
    ) -> None:
        """Build an index by a new definition beside the old one, then put it in its place.

        Searches use the old one until the new one is whole.

        Args:
            operations: given by Alembic.
            index_name: the index's name, which stays.
            table_name: the table.
            column: a column, or an expression as `sa.text("embedding::halfvec(384)")`.
            opclass: e.g. `vector_cosine_ops`; HNSW has no default one.
            method: hnsw or ivfflat.
            with_: m and ef_construction of hnsw, lists of ivfflat.
            where: the condition of a partial index.
            schema: the table's schema.
            concurrently: whether others may write meanwhile; what came before in the migration is
                committed first. False: drop and build in the migration's own transaction.
        """
        index = _index(index_name, table_name, column, schema, method, opclass, with_, where)
        operations.invoke(cls(index, concurrently=concurrently))


def _index(
    name: str,
    table: str,
    column: str | TextClause,
    schema: str | None,
    method: str,
    opclass: str | None,
    with_: Mapping[str, int] | None,
    where: str | None,
) -> VectorIndex:
    return VectorIndex(
        name=name,
        table=table,
        schema=schema,
        on=column if isinstance(column, str) else column.text,
        is_column=isinstance(column, str),
        method=method,
        opclass=opclass,
        options=options_of(with_),
        where=where,
    )
