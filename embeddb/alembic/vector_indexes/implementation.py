"""Operations on vector indexes carried out: concurrently, and leaving nothing invalid behind."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from alembic.operations import Operations
from psycopg import sql
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from embeddb.alembic.held import outside
from embeddb.alembic.vector_indexes.build import granted, leave_workers_out, watched
from embeddb.alembic.vector_indexes.definition import VectorIndex
from embeddb.alembic.vector_indexes.operations import (
    AlterVectorIndexOp,
    CreateVectorIndexOp,
    DropVectorIndexOp,
)
from embeddb.db.queries import statement, text_of
from embeddb.repository.indexes.planner import lacks_shared_memory
from embeddb.schema.names import MAX_IDENTIFIER_BYTES

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

log = logging.getLogger("embeddb.alembic")

_NEW = "_new"


@Operations.implementation_for(CreateVectorIndexOp)
def create_vector_index(operations: Operations, op: CreateVectorIndexOp) -> None:
    """Build an index, after dropping what an interrupted build left of it."""
    migration = operations.migration_context
    with _mode(migration, op.index, op.concurrently) as concurrently:
        _build(migration, op.index, concurrently=concurrently)


@Operations.implementation_for(DropVectorIndexOp)
def drop_vector_index(operations: Operations, op: DropVectorIndexOp) -> None:
    """Drop an index."""
    migration = operations.migration_context
    with _mode(migration, op.index, op.concurrently) as concurrently:
        _execute(migration, op.index.drop(concurrently=concurrently))


@Operations.implementation_for(AlterVectorIndexOp)
def alter_vector_index(operations: Operations, op: AlterVectorIndexOp) -> None:
    """Build an index beside the old one and put it in its place."""
    migration, index = operations.migration_context, op.index
    with _mode(migration, index, op.concurrently) as concurrently:
        if not concurrently:
            _execute(migration, index.drop(concurrently=False))
            _build(migration, index, concurrently=False)
            return
        new = index.named(_cut(index.name, MAX_IDENTIFIER_BYTES - len(_NEW)) + _NEW)
        _execute(migration, new.drop(concurrently=True))  # of an interrupted run
        _build(migration, new, concurrently=True)
        _execute(migration, index.drop(concurrently=True))
        _execute(migration, new.rename_to(index.name))


def _build(migration: MigrationContext, index: VectorIndex, *, concurrently: bool) -> None:
    create = index.create(concurrently=concurrently)
    connection = None if migration.as_sql else migration.connection
    if connection is None:
        _execute(migration, create)
        return
    _remove_invalid(connection, index, concurrently=concurrently)
    with granted(connection, index, local=not concurrently):
        if not concurrently:
            _execute(migration, create)
            return
        try:
            _build_concurrently(migration, connection, index)
        except DBAPIError as error:
            if not lacks_shared_memory(str(error)):
                raise
            log.warning("%s: no shared memory for parallel workers, building alone", index.name)
            leave_workers_out(connection)
            _build_concurrently(migration, connection, index)


def _build_concurrently(
    migration: MigrationContext, connection: Connection, index: VectorIndex
) -> None:
    try:
        with watched(connection, index):
            _execute(migration, index.create(concurrently=True))
    except BaseException:
        with suppress(DBAPIError):
            _remove_invalid(connection, index, concurrently=True)
        raise


def _remove_invalid(connection: Connection, index: VectorIndex, *, concurrently: bool) -> None:
    """Drop what an interrupted build left: IF NOT EXISTS would keep it, and no search reads it."""
    named = {"schema": index.schema, "name": index.name}
    valid = connection.execute(statement("vector_indexes.state"), named).scalar()
    if valid is False:
        log.warning("Dropping %s, which an interrupted build left invalid", index.name)
        connection.execute(text_of(index.drop(concurrently=concurrently)))


@contextmanager
def _mode(migration: MigrationContext, index: VectorIndex, concurrently: bool) -> Iterator[bool]:
    """Yield whether to work CONCURRENTLY, and leave the migration's transaction where so."""
    if concurrently and _is_partitioned(migration, index):
        log.info("%s is partitioned: %s is built in a transaction", index.table, index.name)
        concurrently = False
    if not concurrently:
        yield False
        return
    what = f"{index.name}: Postgres cannot work CONCURRENTLY inside a transaction"
    with outside(migration, what, ", or pass concurrently=False"):
        yield True


def _is_partitioned(migration: MigrationContext, index: VectorIndex) -> bool:
    if migration.as_sql or migration.connection is None:
        return False
    named = {"schema": index.schema, "table": index.table, "column": None}
    row = migration.connection.execute(statement("vector_indexes.table"), named).first()
    return bool(row and row[0])


def _execute(migration: MigrationContext, composed: sql.Composable) -> None:
    migration.impl._exec(text_of(composed))


def _cut(name: str, size: int) -> str:
    return name.encode()[:size].decode(errors="ignore")
