"""Operations on collections carried out: in the migration's transaction, or written as a script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psycopg
from alembic.operations import Operations
from alembic.util import CommandError

from embeddb.alembic.collections.operations import (
    AlterCollectionOp,
    AttachCollectionOp,
    CreateCollectionOp,
    DetachCollectionOp,
    DropCollectionOp,
    FollowCollectionOp,
    UnfollowCollectionOp,
)
from embeddb.config import Settings
from embeddb.db.shared import SharedDatabase

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

    from embeddb.alembic.collections.attachment import Attachment
    from embeddb.schema.catalog import CollectionRecord
    from embeddb.store import Store

_SOURCE = frozenset({"text", "expression", "metadata", "where"})
_FORM = frozenset({"storage", "index"})


@Operations.implementation_for(AttachCollectionOp)
def attach_collection(operations: Operations, op: AttachCollectionOp) -> None:
    """Attach a collection."""
    migration, declared = operations.migration_context, op.attachment.declared
    if migration.as_sql:
        from embeddb.alembic.collections.offline import attach_script

        attach_script(migration, op.attachment)
        return
    text = declared.source_text
    _store(migration).attach(
        op.attachment.source,
        name=declared.name,
        text=text if isinstance(text, str) else list(text),
        model=declared.model,
        metadata=declared.metadata,
        where=declared.where,
        distance=declared.distance,
        storage=declared.storage,
        transform=list(declared.transform) or None,
        index=declared.index,
        chunker=_chunker(declared.chunker),
    )


@Operations.implementation_for(DetachCollectionOp)
def detach_collection(operations: Operations, op: DetachCollectionOp) -> None:
    """Detach a collection."""
    migration = operations.migration_context
    if migration.as_sql:
        from embeddb.alembic.collections.offline import detach_script

        detach_script(migration, op.attachment.declared.name)
        return
    _store(migration).detach(op.attachment.declared.name)


@Operations.implementation_for(AlterCollectionOp)
def alter_collection(operations: Operations, op: AlterCollectionOp) -> None:
    """Read other columns first, then build the other form outside of the transaction."""
    migration = operations.migration_context
    _refuse_script(migration, "alter_collection")
    if _SOURCE & set(op.changes):
        _read_anew(migration, op.attachment)
    form = {name: value for name, value in op.changes.items() if name in _FORM}
    if form:
        with migration.autocommit_block():
            _convert(migration, op.attachment.declared.name, form)


@Operations.implementation_for(UnfollowCollectionOp)
def unfollow_collection(operations: Operations, op: UnfollowCollectionOp) -> None:
    """Take triggers and view away, so that columns can change."""
    from embeddb.repository.attached.attach import Attachments

    migration = operations.migration_context
    _refuse_script(migration, "unfollow_collection")
    record = _record(migration, op.attachment.declared.name)
    Attachments(_shared(migration)).unfollow(record)


@Operations.implementation_for(FollowCollectionOp)
def follow_collection(operations: Operations, op: FollowCollectionOp) -> None:
    """Follow a table again, as it is now."""
    from embeddb.repository.attached.attach import Attachments, declaration_of

    migration = operations.migration_context
    _refuse_script(migration, "follow_collection")
    record = _record(migration, op.attachment.declared.name)
    assert record.source is not None
    Attachments(_shared(migration)).reattach(record, declaration_of(record.source))


@Operations.implementation_for(CreateCollectionOp)
def create_collection(operations: Operations, op: CreateCollectionOp) -> None:
    """Create a collection with documents of its own."""
    migration = operations.migration_context
    _refuse_script(migration, "create_collection")
    _store(migration).create_collection(op.name, **op.options)


@Operations.implementation_for(DropCollectionOp)
def drop_collection(operations: Operations, op: DropCollectionOp) -> None:
    """Drop a collection."""
    migration = operations.migration_context
    if migration.as_sql:
        from embeddb.alembic.collections.offline import detach_script

        detach_script(migration, op.name)
        return
    _store(migration).drop_collection(op.name)


def _read_anew(migration: MigrationContext, attachment: Attachment) -> None:
    from embeddb.repository.attached.attach import Attachments
    from embeddb.repository.attached.resolve import SourceSpec

    declared = attachment.declared
    text = declared.source_text
    declaration = SourceSpec(
        source=attachment.source,
        text=text if isinstance(text, str) else list(text),
        metadata=declared.metadata,
        where=declared.where,
    )
    Attachments(_shared(migration)).reattach(_record(migration, declared.name), declaration)


def _convert(migration: MigrationContext, name: str, form: Mapping[str, Any]) -> None:
    """Build another form of a collection, on connections of its own: it may take hours."""
    from embeddb.db.database import Database
    from embeddb.store import Store

    assert migration.connection is not None
    settings = Settings.from_environment()
    database = Database(migration.connection.engine, schema=settings.schema)
    with Store(database, settings) as store:
        collection = store.collection(name)
        if "storage" in form or collection.record.generation.wanted is not None:
            index = form.get("index", collection.record.generation.index)
            collection.convert(storage=form.get("storage"), index=index or "exact")
        elif form["index"] is None:
            collection.drop_index()
        else:
            collection.create_index(form["index"])


def _store(migration: MigrationContext) -> Store:
    from embeddb.store import Store

    return Store(_shared(migration), Settings.from_environment())


def _record(migration: MigrationContext, name: str) -> CollectionRecord:
    return _store(migration).collection(name).record


def _shared(migration: MigrationContext) -> SharedDatabase:
    assert migration.connection is not None
    driver = migration.connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise CommandError(
            "Operations on collections need psycopg 3 in env.py: postgresql+psycopg://… for its "
            "engine. Your application itself may use any driver."
        )
    # what SQLAlchemy has begun is begun in Postgres with its first statement only
    migration.connection.exec_driver_sql("SELECT 1")
    return SharedDatabase(driver, schema=Settings.from_environment().schema)


def _refuse_script(migration: MigrationContext, name: str) -> None:
    if migration.as_sql:
        raise CommandError(
            f"op.{name}() asks the database what is there, so it cannot be written by --sql."
        )


def _chunker(given: str | Mapping[str, Any]) -> str | dict[str, Any]:
    return given if isinstance(given, str) else dict(given)
