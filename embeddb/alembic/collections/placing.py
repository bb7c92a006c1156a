"""Where operations on collections stand among those on their tables, in a generated revision."""

from __future__ import annotations

from alembic.operations import ops

from embeddb.alembic.collections.attachment import Attachment
from embeddb.alembic.collections.operations import (
    AlterCollectionOp,
    FollowCollectionOp,
    UnfollowCollectionOp,
)


def _changes_of(upgrade: ops.UpgradeOps, attachment: Attachment) -> list[ops.ModifyTableOps]:
    place = attachment.schema, attachment.table
    return [
        change
        for change in upgrade.ops
        if isinstance(change, ops.ModifyTableOps) and (change.schema, change.table_name) == place
    ]


def place_change(upgrade: ops.UpgradeOps, attachment: Attachment, op: AlterCollectionOp) -> None:
    """Put a change of what is read after columns that are added, and before those dropped."""
    for change in _changes_of(upgrade, attachment):
        for position, part in enumerate(change.ops):
            if isinstance(part, ops.DropColumnOp):
                change.ops.insert(position, op)
                return
    upgrade.ops.append(op)


def let_columns_change(upgrade: ops.UpgradeOps, attachment: Attachment) -> None:
    """Have triggers and view removed while a column that they read changes its type."""
    for change in _changes_of(upgrade, attachment):
        if any(
            isinstance(part, ops.AlterColumnOp)
            and part.modify_type is not None
            and part.column_name in attachment.types
            for part in change.ops
        ):
            change.ops.insert(0, UnfollowCollectionOp(attachment.name, attachment.table))
            change.ops.append(FollowCollectionOp(attachment.name, attachment.table))
