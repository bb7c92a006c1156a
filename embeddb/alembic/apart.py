"""embeddb's operations between the changes of a table, and never among them.

With `render_as_batch` Alembic writes the changes of a table into one block, which queues them until
its end. An operation of ours inside of it would run before the changes that it has to come after.
"""

from __future__ import annotations

from itertools import groupby

from alembic.operations import MigrateOperation, ops

from embeddb.alembic.collections.operations import (
    AlterCollectionOp,
    FollowCollectionOp,
    UnfollowCollectionOp,
)
from embeddb.alembic.vector_indexes.operations import (
    AlterVectorIndexOp,
    CreateVectorIndexOp,
    DropVectorIndexOp,
)

_OURS = (
    AlterCollectionOp,
    FollowCollectionOp,
    UnfollowCollectionOp,
    AlterVectorIndexOp,
    CreateVectorIndexOp,
    DropVectorIndexOp,
)


def set_apart(upgrade: ops.UpgradeOps) -> None:
    """Split the changes of tables where our operations stand, and keep the order of all."""
    upgrade.ops[:] = [part for op in upgrade.ops for part in _split(op)]


def _split(op: MigrateOperation) -> list[MigrateOperation]:
    if not isinstance(op, ops.ModifyTableOps):
        return [op]
    parts: list[MigrateOperation] = []
    for is_ours, run in groupby(op.ops, _is_ours):
        if is_ours:
            parts += run
        else:
            parts.append(ops.ModifyTableOps(op.table_name, list(run), schema=op.schema))
    return parts


def _is_ours(op: MigrateOperation) -> bool:
    return isinstance(op, _OURS)
