"""Operations on collections as the code of a revision."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from alembic.autogenerate.render import renderers

from embeddb.alembic.code import call
from embeddb.alembic.collections.operations import (
    AlterCollectionOp,
    AttachCollectionOp,
    CreateCollectionOp,
    DetachCollectionOp,
    DropCollectionOp,
    FollowCollectionOp,
    UnfollowCollectionOp,
)
from embeddb.schema.declared import DeclaredEmbedding
from embeddb.schema.indexes import IndexSpec

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

_DEFAULTS = {
    part.name: part.default for part in fields(DeclaredEmbedding) if part.default is not MISSING
}


@renderers.dispatch_for(AttachCollectionOp)
def render_attach(context: AutogenContext, op: AttachCollectionOp) -> str:
    """Write `op.attach_collection(…)`."""
    attachment, declared = op.attachment, op.attachment.declared
    shown = ("metadata", "where", "distance", "storage", "transform", "index", "chunker")
    others = {name: getattr(declared, name) for name in shown}
    named = {
        "text": _plain(context, declared.source_text),
        "model": declared.model,
        **{
            name: _shown(context, value) if name == "index" else _plain(context, value)
            for name, value in others.items()
            if value != _DEFAULTS[name]
        },
        "schema": attachment.schema,
        "key": list(attachment.key) or None,
        "types": dict(attachment.types) or None,
    }
    return call(context, "attach_collection", [declared.name, attachment.table], named)


@renderers.dispatch_for(DetachCollectionOp)
def render_detach(context: AutogenContext, op: DetachCollectionOp) -> str:
    """Write `op.detach_collection(…)`."""
    attachment = op.attachment
    return call(context, "detach_collection", [attachment.declared.name, attachment.table], {})


@renderers.dispatch_for(UnfollowCollectionOp)
def render_unfollow(context: AutogenContext, op: UnfollowCollectionOp) -> str:
    """Write `op.unfollow_collection(…)`."""
    attachment = op.attachment
    return call(context, "unfollow_collection", [attachment.declared.name, attachment.table], {})


@renderers.dispatch_for(FollowCollectionOp)
def render_follow(context: AutogenContext, op: FollowCollectionOp) -> str:
    """Write `op.follow_collection(…)`."""
    attachment = op.attachment
    return call(context, "follow_collection", [attachment.declared.name, attachment.table], {})


@renderers.dispatch_for(AlterCollectionOp)
def render_alter(context: AutogenContext, op: AlterCollectionOp) -> str:
    """Write `op.alter_collection(…)`."""
    attachment, changes = op.attachment, dict(op.changes)
    if "expression" in changes:
        changes["text"] = attachment.declared.source_text
        del changes["expression"]
    named = {name: _shown(context, value) for name, value in changes.items()}
    named["schema"] = attachment.schema
    return call(context, "alter_collection", [attachment.declared.name, attachment.table], named)


@renderers.dispatch_for(CreateCollectionOp)
def render_create(context: AutogenContext, op: CreateCollectionOp) -> str:
    """Write `op.create_collection(…)`."""
    named = {name: _plain(context, value) for name, value in op.options.items()}
    return call(context, "create_collection", [op.name], named)


@renderers.dispatch_for(DropCollectionOp)
def render_drop(context: AutogenContext, op: DropCollectionOp) -> str:
    """Write `op.drop_collection(…)`."""
    return call(context, "drop_collection", [op.name], {})


def _shown(context: AutogenContext, value: Any) -> object:  # noqa: ANN401
    """Give a value to be written even where it is None, which for an index means exact search."""
    return _Written(value) if value is None else _plain(context, value)


class _Written:
    """A value that is written out, None included."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return repr(self._value)


def _plain(context: AutogenContext, value: Any) -> object:  # noqa: ANN401
    """Give a value whose repr is the code of it."""
    if isinstance(value, IndexSpec):
        context.imports.add("import embeddb")
        return _Index(value)
    if isinstance(value, tuple):
        return list(value)
    return value


class _Index:
    """An index spec, written with what it has of its own."""

    def __init__(self, spec: IndexSpec) -> None:
        self._spec = spec

    def __repr__(self) -> str:
        given = (
            f"{part.name}={getattr(self._spec, part.name)!r}"
            for part in fields(self._spec)
            if getattr(self._spec, part.name) != part.default
        )
        return f"embeddb.{type(self._spec).__name__}({', '.join(given)})"
