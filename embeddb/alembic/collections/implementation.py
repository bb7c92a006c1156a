"""Operations on collections carried out: in the migration's transaction, or written as a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alembic.operations import Operations
from alembic.util import CommandError

from embeddb.alembic.collections.attachment import table_text
from embeddb.alembic.collections.operations import (
    FORM,
    AlterCollectionOp,
    AttachCollectionOp,
    CreateCollectionOp,
    DetachCollectionOp,
    DropCollectionOp,
    FollowCollectionOp,
    UnfollowCollectionOp,
    UpgradeEmbeddbOp,
)
from embeddb.alembic.collections.owner import owner_of
from embeddb.alembic.collections.sessions import attached, change_form, shared, store_of
from embeddb.config import Settings
from embeddb.db.migrate import offline_sql
from embeddb.schema import dependencies

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext


@Operations.implementation_for(UpgradeEmbeddbOp)
def upgrade_embeddb(operations: Operations, op: UpgradeEmbeddbOp) -> None:
    """Bring embeddb's own schema up to date in the migration's transaction, or write its SQL."""
    migration = operations.migration_context
    if migration.as_sql:
        schema = Settings.from_environment().schema
        migration.impl.static_output(offline_sql(schema, transactional=False))
        return
    from embeddb.store import migrate_in_transaction

    database = shared(migration)
    assert migration.connection is not None
    migrate_in_transaction(database, migration.connection)


@Operations.implementation_for(AttachCollectionOp)
def attach_collection(operations: Operations, op: AttachCollectionOp) -> None:
    """Attach a collection, or write the statements that do."""
    migration, declared = operations.migration_context, op.attachment.declared
    if migration.as_sql:
        from embeddb.alembic.collections.offline import attach_script

        attach_script(migration, op.attachment)
        return
    text = declared.source_text
    store_of(migration).attach(
        op.attachment.source,
        name=declared.name,
        text=text if isinstance(text, str) else list(text),
        metadata=declared.metadata,
        where=declared.where,
        owner=owner_of(migration),
        depends_on=dependencies.as_mapping(declared.depends_on),
        title_column=declared.title_column,
        media_type=declared.media_type,
        media_type_column=declared.media_type_column,
        embedding_column=declared.embedding_column,
        **declared.spec.fields(),
    )


@Operations.implementation_for(DetachCollectionOp)
def detach_collection(operations: Operations, op: DetachCollectionOp) -> None:
    """Detach a collection, or write the statements that do."""
    migration = operations.migration_context
    if migration.as_sql:
        from embeddb.alembic.collections.offline import detach_script

        detach_script(migration, op.name)
        return
    store_of(migration).detach(op.name)


@Operations.implementation_for(AlterCollectionOp)
def alter_collection(operations: Operations, op: AlterCollectionOp) -> None:
    """Change what a collection reads, then build another form outside of the transaction."""
    migration = operations.migration_context
    _refuse_script(migration, "alter_collection")
    form = {name: value for name, value in op.changes.items() if name in FORM}
    source = {name: value for name, value in op.changes.items() if name not in FORM}
    if source:
        _change_source(migration, op, source)
    if form:
        change_form(migration, op.name, form)


@Operations.implementation_for(UnfollowCollectionOp)
def unfollow_collection(operations: Operations, op: UnfollowCollectionOp) -> None:
    """Remove triggers and view of a collection, so that columns can change."""
    from embeddb.repository.attached.attach import Attachments

    migration = operations.migration_context
    _refuse_script(migration, "unfollow_collection")
    Attachments(shared(migration)).unfollow(attached(migration, op.name)[0])


@Operations.implementation_for(FollowCollectionOp)
def follow_collection(operations: Operations, op: FollowCollectionOp) -> None:
    """Create triggers and view of a collection again, for its table as it is now."""
    from embeddb.repository.attached.attach import Attachments, declaration_of

    migration = operations.migration_context
    _refuse_script(migration, "follow_collection")
    record, source = attached(migration, op.name)
    # by the name of the migration: an operation before this one may have changed or moved it
    table = table_text(op.schema or source.schema, op.table_name)
    declared = replace(declaration_of(source), source=table)
    Attachments(shared(migration)).reattach(record, declared)


@Operations.implementation_for(CreateCollectionOp)
def create_collection(operations: Operations, op: CreateCollectionOp) -> None:
    """Create a collection with documents of its own."""
    migration = operations.migration_context
    _refuse_script(migration, "create_collection")
    store_of(migration).create_collection(op.name, exist_ok=op.exist_ok, **op.spec.fields())


@Operations.implementation_for(DropCollectionOp)
def drop_collection(operations: Operations, op: DropCollectionOp) -> None:
    """Drop a collection, or write the statements that do."""
    migration = operations.migration_context
    if migration.as_sql:
        from embeddb.alembic.collections.offline import detach_script

        detach_script(migration, op.name)
        return
    store_of(migration).drop_collection(op.name)


def _change_source(
    migration: MigrationContext, op: AlterCollectionOp, changes: Mapping[str, Any]
) -> None:
    """Read something else of the table; the vectors of rows whose text stays the same stay too."""
    from embeddb.repository.attached.attach import Attachments, declaration_of

    record, source = attached(migration, op.name)
    # the table's name is that of the migration: an operation before this one may have changed it
    table = table_text(op.schema, op.table_name)
    owner = source.owner or owner_of(migration)
    if "depends_on" in changes:
        changes = {**changes, "depends_on": dependencies.parse(changes["depends_on"])}
    declared = replace(declaration_of(source), source=table, owner=owner, **changes)
    Attachments(shared(migration)).reattach(record, declared)


def _refuse_script(migration: MigrationContext, name: str) -> None:
    if migration.as_sql:
        raise CommandError(
            f"op.{name}() asks the database what is there, so it cannot be written by --sql."
        )
