"""pgvector's types as the code of a revision, with the import that they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import sqlalchemy as sa
from alembic.operations import ops
from pgvector.sqlalchemy import BIT, HALFVEC, SPARSEVEC, VECTOR
from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


RenderItem: TypeAlias = Callable[[str, object, "AutogenContext"], "str | Literal[False]"]

_TYPES = (VECTOR, HALFVEC, SPARSEVEC, BIT)


def render_type(type_: TypeEngine[Any], context: AutogenContext) -> str | Literal[False]:
    """Return the code of one of pgvector's types; False: it is none of them."""
    kind = type(type_)
    if kind not in _TYPES:
        return False
    context.imports.add(f"from pgvector.sqlalchemy import {kind.__name__}")
    size = _size(type_)
    return f"{kind.__name__}({'' if size is None else size})"


def rendering(own: RenderItem | None) -> RenderItem:
    """Return a `render_item` that asks the application's own first."""

    def render_item(kind: str, item: object, context: AutogenContext) -> str | Literal[False]:
        rendered = own(kind, item, context) if own else False
        if rendered is False and isinstance(item, TypeEngine):
            return render_type(item, context)
        return rendered

    return render_item


def compare_type(change: ops.AlterColumnOp, there: sa.Column[Any], model: sa.Column[Any]) -> None:
    """Add a change of dimensions to a column's changes; Alembic takes it for none."""
    kind = type(model.type)
    alike = change.modify_type is None and kind in _TYPES and type(there.type) is kind
    if alike and _size(there.type) != _size(model.type):
        change.modify_type = model.type


def _size(type_: TypeEngine[Any]) -> int | None:
    inner = getattr(type_, "impl", type_)
    size: int | None = getattr(inner, "length" if type(type_) is BIT else "dim", None)
    return size
