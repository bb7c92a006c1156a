"""What `--autogenerate` sees of embeddings: those of the models against the catalog's."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.exc import DBAPIError

from embeddb.alembic.collections import conflicts, discarding
from embeddb.alembic.collections.attachment import Attachment
from embeddb.alembic.collections.models import declared, named_as_found
from embeddb.alembic.collections.operations import (
    AlterCollectionOp,
    AttachCollectionOp,
    DetachCollectionOp,
    UpgradeEmbeddbOp,
)
from embeddb.alembic.collections.placing import place_changes
from embeddb.alembic.collections.scope import Scope
from embeddb.config import Settings
from embeddb.db.migrate import head
from embeddb.db.queries import Name, statement
from embeddb.errors import SchemaOutdatedError
from embeddb.repository.catalog.sqlalchemy_reader import read_records
from embeddb.schema import dependencies
from embeddb.schema.attached import UNKNOWN_OWNER, SourceTable
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.declared import DeclaredEmbedding
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
    """Add what has to be done for embeddings: removals before all else, additions after it.

    Raises:
        EmbeddingConflictError: two tables have an embedding of one name, or a collection that
            would have to be detached is not this chain's.
    """
    scope = Scope(context, schemas)
    wanted = declared(context, scope)
    revision = _revision(scope.connection)
    records = _records(scope.connection, revision, needed=bool(wanted))
    comparison = _Comparison(context, upgrade, scope)
    wanted = named_as_found(wanted, records, scope)
    for name, record in records.items():
        if name not in wanted and record.source is not None:
            comparison.remove(record, record.source)
    for name, attachment in wanted.items():
        if name not in records:
            log.info("Detected added embedding %r", name)
            upgrade.ops.append(AttachCollectionOp(attachment))
        else:
            comparison.compare(attachment, records[name])
    if wanted and (revision or "") < head():
        log.info("Detected that embeddb's own schema is missing or older")
        upgrade.ops.insert(0, UpgradeEmbeddbOp())


def _revision(connection: sa.Connection) -> str | None:
    """Return the revision of embeddb's own schema; None: it is not there."""
    schema = Settings.from_environment().schema
    if not sa.inspect(connection).has_table("alembic_version", schema=schema):
        return None
    with connection.begin_nested():
        found: str | None = connection.scalar(statement("server.migration", schema=Name(schema)))
        return found


def _records(
    connection: sa.Connection, revision: str | None, *, needed: bool
) -> dict[str, CollectionRecord]:
    """Return the collections of the database, by name."""
    if revision is None:
        return {}  # nothing is attached yet
    try:
        with connection.begin_nested():
            records = read_records(connection, Settings.from_environment().schema)
    except DBAPIError as error:
        if needed:
            raise SchemaOutdatedError from error
        return {}  # an application that has vectors, and no embeddings
    return {record.name: record for record in records}


class _Comparison:
    """Collections of the models against those of the catalog, as operations of one revision."""

    def __init__(self, context: AutogenContext, upgrade: ops.UpgradeOps, scope: Scope) -> None:
        self._context = context
        self._upgrade = upgrade
        self._scope = scope

    def remove(self, record: CollectionRecord, source: SourceTable) -> None:
        """Detach a collection that no model declares, if it is this chain's."""
        if self._scope.may_detach(source):
            log.info("Detected removed embedding %r", record.name)
            note = discarding.note_removed(self._scope.connection, record)
            self._upgrade.ops.insert(0, _detach(_as_found(self._context, record), note))
        elif self._is_dropped(source):
            log.warning(
                "The revision drops %s, which collection %r of another owner follows: Postgres "
                "will refuse that until it is detached.",
                source.table_text,
                record.name,
            )

    def compare(self, attachment: Attachment, record: CollectionRecord) -> None:
        """Change a collection into what is declared: keep what is encoded, if that is possible."""
        source = record.source
        if source is None:
            raise conflicts.own_documents(record.name, attachment.source)
        there = _as_found(self._context, record)
        is_moved = not self._scope.follows(
            source, self._scope.place(attachment.schema, attachment.table)
        )
        differences = (["table"] if is_moved else []) + _differences(attachment, there)
        changes = _changes(attachment, there, record)
        if differences and not self._scope.may_detach(source):
            raise conflicts.not_ours(record.name, source, attachment.source, self._scope.owner)
        if differences:
            self._replace(attachment, there, record, differences)
        elif changes and source.owner not in (self._scope.owner, UNKNOWN_OWNER, None):
            raise conflicts.not_ours(record.name, source, attachment.source, self._scope.owner)
        elif changes:
            self._alter(attachment, there, changes)
        else:
            place_changes(self._upgrade, replace(attachment, schema=there.schema), there)

    def _replace(
        self,
        attachment: Attachment,
        there: Attachment,
        record: CollectionRecord,
        differences: Sequence[str],
    ) -> None:
        name = attachment.name
        log.info("Detected another embedding of the name %r: rows are encoded again", name)
        note = discarding.note_replaced(self._scope.connection, record, differences)
        self._upgrade.ops.insert(0, _detach(there, note))
        self._upgrade.ops.append(AttachCollectionOp(attachment))

    def _alter(self, attachment: Attachment, there: Attachment, changes: Mapping[str, Any]) -> None:
        name, had = attachment.name, there.declared
        log.info("Detected changed embedding %r: %s", name, ", ".join(changes))
        form = {"storage": had.spec.storage.label, "index": had.spec.index}
        before = {key: value for key, value in (_read(had) | form).items() if key in changes}
        alter = AlterCollectionOp(
            name, attachment.table, changes, schema=attachment.schema, before=before
        )
        # Alembic's own operations have no schema where it is the default one, as what is there
        place_changes(self._upgrade, replace(attachment, schema=there.schema), there, alter)

    def _is_dropped(self, source: SourceTable) -> bool:
        return any(
            isinstance(op, ops.DropTableOp)
            and self._scope.follows(source, self._scope.place(op.schema, op.table_name))
            for op in self._upgrade.ops
        )


def _detach(there: Attachment, note: Sequence[str]) -> DetachCollectionOp:
    return DetachCollectionOp(there.name, there.table, there, note=note)


def _changes(attachment: Attachment, there: Attachment, record: CollectionRecord) -> dict[str, Any]:
    """Return what a conversion or another reading of the table changes, vectors staying."""
    wanted, had = attachment.declared, there.declared
    changes: dict[str, Any] = {}
    if _read(wanted) != _read(had):
        changes |= _changed(_read(wanted), _read(had))
    if wanted.spec.storage is not had.spec.storage:
        changes["storage"] = wanted.spec.storage.label
    if _built(wanted.spec.index, record) != _built(had.spec.index, record):
        changes["index"] = wanted.spec.index
    return changes


def _read(declared: DeclaredEmbedding) -> dict[str, Any]:
    """Return what an embedding reads of its table, by the keywords of `alter_collection`."""
    return {
        "text": declared.source_text,
        "metadata": declared.metadata,
        "where": declared.where,
        "depends_on": dependencies.as_mapping(declared.depends_on),
        "title_column": declared.title_column,
        "media_type": declared.media_type,
        "media_type_column": declared.media_type_column,
    }


def _changed(wanted: dict[str, Any], had: dict[str, Any]) -> dict[str, Any]:
    """Return what is to be written of what is read: whatever most embeddings have not, if new."""
    rare = ("depends_on", "title_column", "media_type", "media_type_column")
    return {name: value for name, value in wanted.items() if name not in rare or value != had[name]}


def _differences(wanted: Attachment, there: Attachment) -> list[str]:
    """Return for what rows have to be encoded again, or kept in a form that has no way back."""
    new, old = wanted.declared.spec, there.declared.spec
    found = [name for name in _FIXED if getattr(new, name) != getattr(old, name)]
    if not new.chunker.is_met_by(old.chunker):
        found.append("chunker")
    # a model that declares no layout leaves the one that attach() was given as it is
    if new.layout is not None and new.layout != old.layout:
        found.append("layout")
    if new.storage is not old.storage and Storage.BIT in (new.storage, old.storage):
        found.append("storage")
    return found


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
        depends_on=tuple((one.source, one.reference) for one in source.dependencies),
        title_column=source.title_column,
        media_type=source.media_type,
        media_type_column=source.media_type_column,
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
