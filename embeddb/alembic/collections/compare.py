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
)
from embeddb.alembic.collections.placing import let_columns_change, place_change
from embeddb.config import Settings
from embeddb.errors import SchemaMissingError
from embeddb.repository.catalog.sqlalchemy_reader import read_records
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.declared import INFO, DeclaredEmbedding
from embeddb.schema.index_rules import resolve_index
from embeddb.schema.indexes import IndexSpec, to_json
from embeddb.schema.spec import EmbeddingSpec
from embeddb.schema.storage import Storage

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

log = logging.getLogger("embeddb.alembic")

_FIXED = ("model", "distance", "transform", "normalize")
"""The fields of a spec that no conversion changes: with another one, rows are encoded again, as
with another chunker."""

_SEARCHED_WITH = ("ef_search", "probes", "oversample")
"""What of an index `tune` may have changed: no reason to build it anew."""


def compare_collections(
    context: AutogenContext, upgrade: ops.UpgradeOps, schemas: set[str | None]
) -> None:
    """Add what has to be done for embeddings: removals before all else, additions after it."""
    assert context.connection is not None
    wanted = dict(_declared(context))
    found = _found(context.connection, schemas, needed=bool(wanted))
    for name, record in found.items():
        if name not in wanted:
            log.info("Detected removed embedding %r", name)
            upgrade.ops.insert(0, _detach(_as_found(context, record)))
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
    """Return the attached collections of the schemas that are compared, by name."""
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
    if _read(wanted) != _read(had):
        changes |= _read(wanted)
    if wanted.spec.storage is not had.spec.storage:
        changes["storage"] = wanted.spec.storage.label
    if _built(wanted.spec.index, record) != _built(had.spec.index, record):
        changes["index"] = wanted.spec.index
    if _is_another(attachment, there):
        log.info("Detected another embedding of the name %r: rows are encoded again", wanted.name)
        upgrade.ops.insert(0, _detach(there))
        upgrade.ops.append(AttachCollectionOp(attachment))
    elif changes:
        log.info("Detected changed embedding %r: %s", wanted.name, ", ".join(changes))
        form = {"storage": had.spec.storage.label, "index": had.spec.index}
        before = {name: value for name, value in (_read(had) | form).items() if name in changes}
        alter = AlterCollectionOp(
            wanted.name, attachment.table, changes, schema=attachment.schema, before=before
        )
        place_change(upgrade, attachment, alter)
    else:
        let_columns_change(upgrade, there)


def _detach(there: Attachment) -> DetachCollectionOp:
    return DetachCollectionOp(there.name, there.table, there)


def _read(declared: DeclaredEmbedding) -> dict[str, Any]:
    """Return what an embedding reads of its table, by the keywords of `alter_collection`."""
    return {
        "text": declared.source_text,
        "metadata": declared.metadata,
        "where": declared.where,
    }


def _is_another(wanted: Attachment, there: Attachment) -> bool:
    """Return whether rows have to be encoded again, or kept in a form that has no way back."""
    new, old = wanted.declared.spec, there.declared.spec
    return (
        (wanted.schema, wanted.table) != (there.schema, there.table)
        or any(getattr(new, name) != getattr(old, name) for name in _FIXED)
        or not new.chunker.is_met_by(old.chunker)
        # a model that declares no layout leaves the one that attach() was given as it is
        or (new.layout is not None and new.layout != old.layout)
        or (new.storage is not old.storage and Storage.BIT in (new.storage, old.storage))
    )


def _as_found(context: AutogenContext, record: CollectionRecord) -> Attachment:
    """Return a collection of the catalog as a model would declare it."""
    source = record.source
    assert source is not None
    own = context.dialect.default_schema_name if context.dialect else None
    declared = DeclaredEmbedding(
        name=record.name,
        spec=EmbeddingSpec.of(record.generation),
        text=source.text,
        expression=source.expression,
        metadata=source.metadata,
        where=source.where,
    )
    return Attachment(
        declared=declared,
        schema=None if source.schema == own else source.schema,
        table=source.table,
        key=tuple(key.name for key in source.keys),
        types=dict(source.types),
    )


def _built(index: IndexSpec | None, record: CollectionRecord) -> dict[str, Any] | None:
    """Return how an index is built, as the collection's dimensions allow it."""
    if index is None:
        return None
    form = record.generation.wanted or record.generation
    generation = replace(record.generation, storage=form.storage)
    resolved, _ = resolve_index(index, generation)
    plain = to_json(resolved) or {}
    return {name: value for name, value in plain.items() if name not in _SEARCHED_WITH}
