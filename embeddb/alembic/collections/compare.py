"""What `--autogenerate` sees of embeddings: those of the models against the catalog's."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.exc import DBAPIError

from embeddb.alembic.collections.attachment import Attachment, attachment_of
from embeddb.alembic.collections.operations import (
    AlterCollectionOp,
    AttachCollectionOp,
    DetachCollectionOp,
    FollowCollectionOp,
    UnfollowCollectionOp,
)
from embeddb.chunkers import ChunkerSpec
from embeddb.config import Settings
from embeddb.errors import SchemaMissingError
from embeddb.repository.catalog.sqlalchemy_reader import read_records
from embeddb.schema.catalog import CollectionRecord, Generation, PendingForm
from embeddb.schema.declared import INFO, DeclaredEmbedding
from embeddb.schema.index_rules import resolve_index
from embeddb.schema.indexes import IndexSpec, to_json

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

log = logging.getLogger("embeddb.alembic")

_SEARCHED_WITH = ("ef_search", "probes", "oversample")
"""What of an index `tune` may have changed: no reason to build it anew."""


def compare_collections(
    context: AutogenContext, upgrade: ops.UpgradeOps, schemas: set[str | None]
) -> None:
    """Add what has to be done for embeddings: those that go first, those that come last."""
    assert context.connection is not None
    wanted = dict(_declared(context))
    found = _found(context.connection, schemas, needed=bool(wanted))
    for name, record in found.items():
        if name not in wanted:
            log.info("Detected removed embedding %r", name)
            upgrade.ops.insert(0, DetachCollectionOp(_as_found(context, record)))
    for name, attachment in wanted.items():
        if name not in found:
            log.info("Detected added embedding %r", name)
            upgrade.ops.append(AttachCollectionOp(attachment))
        else:
            _compare(context, upgrade, attachment, found[name])


def _declared(context: AutogenContext) -> Iterator[tuple[str, Attachment]]:
    for table in context.sorted_tables:
        tables: Mapping[str, Mapping[str, DeclaredEmbedding]] = table.metadata.info.get(INFO, {})
        embeddings = tables.get(table.key, {})
        for name, declared in embeddings.items():
            if context.run_object_filters(table, table.name, "table", False, None):
                yield name, attachment_of(table, declared)


def _found(
    connection: sa.Connection, schemas: set[str | None], *, needed: bool
) -> dict[str, CollectionRecord]:
    """Read the attached collections of the schemas that are compared."""
    own = connection.dialect.default_schema_name
    compared = {schema or own for schema in schemas}
    try:
        with connection.begin_nested():
            records = read_records(connection, Settings.from_environment().schema)
    except DBAPIError as error:
        if needed:
            raise SchemaMissingError from error
        return {}  # an application that has vectors, and no embeddings
    return {
        record.name: record
        for record in records
        if record.source is not None and record.source.schema in compared
    }


def _compare(
    context: AutogenContext,
    upgrade: ops.UpgradeOps,
    attachment: Attachment,
    record: CollectionRecord,
) -> None:
    there = _as_found(context, record)
    wanted, had = attachment.declared, there.declared
    changes: dict[str, Any] = {}
    if (wanted.source_text, wanted.metadata, wanted.where) != (
        had.source_text,
        had.metadata,
        had.where,
    ):
        names = ("text", "expression", "metadata", "where")
        changes |= {name: getattr(wanted, name) for name in names}
    if wanted.storage != had.storage:
        changes["storage"] = wanted.storage
    if _built(wanted.index, record) != _built(had.index, record):
        changes["index"] = wanted.index
    if _is_another(attachment, there, changes):
        log.info("Detected another embedding of the name %r: rows are encoded again", wanted.name)
        upgrade.ops.insert(0, DetachCollectionOp(there))
        upgrade.ops.append(AttachCollectionOp(attachment))
    elif changes:
        log.info("Detected changed embedding %r: %s", wanted.name, ", ".join(changes))
        before = {name: getattr(had, name) for name in changes}
        _place(upgrade, attachment, AlterCollectionOp(attachment, changes, before))
    else:
        _let_columns_change(upgrade, there)


def _changes_of(upgrade: ops.UpgradeOps, attachment: Attachment) -> list[ops.ModifyTableOps]:
    place = attachment.schema, attachment.table
    return [
        change
        for change in upgrade.ops
        if isinstance(change, ops.ModifyTableOps) and (change.schema, change.table_name) == place
    ]


def _place(upgrade: ops.UpgradeOps, attachment: Attachment, op: AlterCollectionOp) -> None:
    """Change what is read after the columns that come, and before those that go."""
    for change in _changes_of(upgrade, attachment):
        for position, part in enumerate(change.ops):
            if isinstance(part, ops.DropColumnOp):
                change.ops.insert(position, op)
                return
    upgrade.ops.append(op)


def _let_columns_change(upgrade: ops.UpgradeOps, attachment: Attachment) -> None:
    """Take triggers and view away while a column that they read changes its type."""
    for change in _changes_of(upgrade, attachment):
        if any(
            isinstance(part, ops.AlterColumnOp)
            and part.modify_type is not None
            and part.column_name in attachment.types
            for part in change.ops
        ):
            change.ops.insert(0, UnfollowCollectionOp(attachment))
            change.ops.append(FollowCollectionOp(attachment))


def _is_another(wanted: Attachment, there: Attachment, changes: Mapping[str, Any]) -> bool:
    """Say whether rows have to be encoded again, or stored in a form that is no way back from."""
    names = ("model", "distance", "transform")
    new, old = wanted.declared, there.declared
    return (
        (wanted.schema, wanted.table) != (there.schema, there.table)
        or any(getattr(new, name) != getattr(old, name) for name in names)
        or _chunker(new.chunker) != _chunker(old.chunker)
        or ("storage" in changes and "bit" in (new.storage, old.storage))
    )


def _chunker(given: str | Mapping[str, Any]) -> dict[str, Any]:
    return ChunkerSpec.from_json(given if isinstance(given, str) else dict(given)).to_json()


def _as_found(context: AutogenContext, record: CollectionRecord) -> Attachment:
    """Describe a collection of the catalog as a model would declare it."""
    source, generation = record.source, record.generation
    assert source is not None
    form = generation.wanted or generation
    chunker = generation.chunker
    default = ChunkerSpec.from_json("auto").to_json()
    own = context.dialect.default_schema_name if context.dialect else None
    declared = DeclaredEmbedding(
        name=record.name,
        model=generation.model.name if generation.model else "",
        text=source.text,
        expression=source.expression,
        metadata=source.metadata,
        where=source.where,
        distance=generation.distance.label,
        storage=form.storage.label,
        transform=_words(form),
        index=form.index,
        chunker="auto" if chunker == default else chunker,
    )
    return Attachment(
        declared=declared,
        schema=None if source.schema == own else source.schema,
        table=source.table,
        key=tuple(key.name for key in source.keys),
        types=dict(source.types),
    )


def _words(form: Generation | PendingForm) -> tuple[str, ...]:
    if isinstance(form, PendingForm):
        return form.transform
    return form.transform.words if form.transform else ()


def _built(index: IndexSpec | None, record: CollectionRecord) -> dict[str, Any] | None:
    """Say how an index is built, as the collection's dimensions allow it."""
    if index is None:
        return None
    form = record.generation.wanted or record.generation
    generation = replace(record.generation, storage=form.storage)
    resolved, _ = resolve_index(index, generation)
    plain = to_json(resolved) or {}
    return {name: value for name, value in plain.items() if name not in _SEARCHED_WITH}
