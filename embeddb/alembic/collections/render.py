"""Operations on collections as the code of a revision."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alembic.autogenerate.render import renderers

from embeddb.alembic.calls import call
from embeddb.alembic.collections import discarding
from embeddb.alembic.collections.operations import (
    AlterCollectionOp,
    AttachCollectionOp,
    CreateCollectionOp,
    DetachCollectionOp,
    DropCollectionOp,
    FollowCollectionOp,
    KeepEmbeddbOp,
    UnfollowCollectionOp,
    UpgradeEmbeddbOp,
)
from embeddb.schema import dependencies
from embeddb.schema.indexes import IndexSpec
from embeddb.schema.layouts import Layout

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


@renderers.dispatch_for(UpgradeEmbeddbOp)
def render_upgrade(context: AutogenContext, op: UpgradeEmbeddbOp) -> str:
    """Return `op.upgrade_embeddb()`."""
    return "op.upgrade_embeddb()"


@renderers.dispatch_for(KeepEmbeddbOp)
def render_keep(context: AutogenContext, op: KeepEmbeddbOp) -> list[str]:
    """Return nothing: a downgrade leaves embeddb's schema as it is."""
    return []


@renderers.dispatch_for(AttachCollectionOp)
def render_attach(context: AutogenContext, op: AttachCollectionOp) -> str:
    """Return `op.attach_collection(…)`."""
    attachment, declared = op.attachment, op.attachment.declared
    named = {
        "text": _plain(declared.source_text),
        "model": declared.spec.model,
        "metadata": list(declared.metadata) or None,
        "where": declared.where,
        "depends_on": dependencies.as_mapping(declared.depends_on) or None,
        "title_column": declared.title_column,
        "media_type": declared.media_type,
        "media_type_column": declared.media_type_column,
        "embedding_column": declared.embedding_column,
        **_written(context, declared.spec.fields()),
        "schema": attachment.schema,
        "key": list(attachment.key) or None,
        "types": dict(attachment.types) or None,
    }
    return call(context, "attach_collection", [op.name, op.table_name], named)


@renderers.dispatch_for(DetachCollectionOp)
def render_detach(context: AutogenContext, op: DetachCollectionOp) -> str:
    """Return `op.detach_collection(…)`, below a comment on what it discards."""
    note = "".join(f"# {line}\n" for line in op.note or discarding.note_reversed(op.name))
    return note + call(context, "detach_collection", [op.name, op.table_name], {})


@renderers.dispatch_for(UnfollowCollectionOp)
def render_unfollow(context: AutogenContext, op: UnfollowCollectionOp) -> str:
    """Return `op.unfollow_collection(…)`."""
    return call(context, "unfollow_collection", [op.name, op.table_name], {})


@renderers.dispatch_for(FollowCollectionOp)
def render_follow(context: AutogenContext, op: FollowCollectionOp) -> str:
    """Return `op.follow_collection(…)`."""
    named = {"schema": op.schema}
    return call(context, "follow_collection", [op.name, op.table_name], named)


@renderers.dispatch_for(AlterCollectionOp)
def render_alter(context: AutogenContext, op: AlterCollectionOp) -> str:
    """Return `op.alter_collection(…)`."""
    named = {**_written(context, op.changes), "schema": op.schema}
    return call(context, "alter_collection", [op.name, op.table_name], named)


@renderers.dispatch_for(CreateCollectionOp)
def render_create(context: AutogenContext, op: CreateCollectionOp) -> str:
    """Return `op.create_collection(…)`."""
    named = {**_written(context, op.spec.fields()), "exist_ok": op.exist_ok or None}
    return call(context, "create_collection", [op.name], named)


@renderers.dispatch_for(DropCollectionOp)
def render_drop(context: AutogenContext, op: DropCollectionOp) -> str:
    """Return `op.drop_collection(…)`."""
    return call(context, "drop_collection", [op.name], {})


def _written(context: AutogenContext, values: Mapping[str, Any]) -> dict[str, object]:
    """Return values as code that is never left out: an index of None is exact search."""
    if any(isinstance(value, IndexSpec | Layout) for value in values.values()):
        context.imports.add("import embeddb")
    return {name: _Code(value) for name, value in values.items()}


class _Code:
    """A value whose repr is the code of it."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        value = self._value
        if not isinstance(value, IndexSpec | Layout):
            return repr(_plain(value))
        given = (
            f"{part.name}={getattr(value, part.name)!r}"
            for part in dataclasses.fields(value)
            if getattr(value, part.name) != part.default
        )
        return f"embeddb.{type(value).__name__}({', '.join(given)})"


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
