"""The embeddings that an application's models declare, by the names of their collections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from embeddb.alembic.collections.attachment import Attachment, attachment_of
from embeddb.alembic.collections.scope import Scope
from embeddb.schema.attached import UNKNOWN_OWNER
from embeddb.schema.catalog import CollectionRecord
from embeddb.schema.declared import INFO, DeclaredEmbedding, name_conflict

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def declared(context: AutogenContext, scope: Scope) -> dict[str, Attachment]:
    """Return what the tables that are compared declare.

    Raises:
        EmbeddingConflictError: two tables have an embedding of one name.
    """
    found: dict[str, Attachment] = {}
    for table in context.sorted_tables:
        tables: Mapping[str, Mapping[str, DeclaredEmbedding]] = table.metadata.info.get(INFO, {})
        embeddings = tables.get(table.key)
        if not embeddings or not scope.lets_in_model(table):
            continue
        for name, embedding in embeddings.items():
            attachment = attachment_of(table, embedding)
            if found.setdefault(name, attachment) != attachment:
                raise name_conflict(name, found[name].source, attachment.source)
    return found


def named_as_found(
    wanted: Mapping[str, Attachment], records: Mapping[str, CollectionRecord], scope: Scope
) -> dict[str, Attachment]:
    """Return what is declared, under the name that its collection has.

    An embedding without a name of its own has its table's, which may have been renamed since: its
    collection is the one that follows the table.
    """
    found: dict[str, Attachment] = {}
    for name, attachment in wanted.items():
        there = attachment.declared.named or _follows(records.get(name), attachment, scope)
        others = (record for other, record in records.items() if other not in wanted)
        name = name if there else _only(others, attachment, scope) or name
        found[name] = replace(attachment, declared=replace(attachment.declared, name=name))
    return found


def _only(records: Iterable[CollectionRecord], attachment: Attachment, scope: Scope) -> str | None:
    """Return the name of the one collection of this chain that follows a table."""
    names = [
        record.name
        for record in records
        if _follows(record, attachment, scope)
        and record.source
        and record.source.owner in (scope.owner, UNKNOWN_OWNER)
    ]
    return names[0] if len(names) == 1 else None


def _follows(record: CollectionRecord | None, attachment: Attachment, scope: Scope) -> bool:
    if record is None or record.source is None:
        return False
    return scope.follows(record.source, scope.place(attachment.schema, attachment.table))
