"""Operations on vector indexes as the code of a revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.autogenerate.render import renderers

from embeddb.alembic.calls import Text, call
from embeddb.alembic.vector_indexes.definition import VectorIndex
from embeddb.alembic.vector_indexes.operations import (
    AlterVectorIndexOp,
    CreateVectorIndexOp,
    DropVectorIndexOp,
)

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


@renderers.dispatch_for(CreateVectorIndexOp)
def render_create(context: AutogenContext, op: CreateVectorIndexOp) -> str:
    """Return `op.create_vector_index(…)`."""
    return call(context, "create_vector_index", *_definition(context, op.index, op.concurrently))


@renderers.dispatch_for(AlterVectorIndexOp)
def render_alter(context: AutogenContext, op: AlterVectorIndexOp) -> str:
    """Return `op.alter_vector_index(…)`."""
    return call(context, "alter_vector_index", *_definition(context, op.index, op.concurrently))


@renderers.dispatch_for(DropVectorIndexOp)
def render_drop(context: AutogenContext, op: DropVectorIndexOp) -> str:
    """Return `op.drop_vector_index(…)`."""
    index = op.index
    named = {"schema": index.schema, "concurrently": None if op.concurrently else False}
    return call(context, "drop_vector_index", [index.name, index.table], named)


def _definition(
    context: AutogenContext, index: VectorIndex, concurrently: bool
) -> tuple[list[object], dict[str, object]]:
    on = index.on if index.is_column else Text(context, index.on)
    named: dict[str, object] = {
        "opclass": index.opclass,
        "method": index.method,
        "with_": dict(index.options) or None,
        "where": index.where,
        "schema": index.schema,
        "concurrently": None if concurrently else False,
    }
    return [index.name, index.table, on], named
