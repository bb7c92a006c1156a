"""Where operations on collections stand among those on their tables, in a generated revision."""

from __future__ import annotations

from collections.abc import Collection

from alembic.operations import MigrateOperation, ops

from embeddb.alembic.collections.attachment import Attachment
from embeddb.alembic.collections.operations import (
    AlterCollectionOp,
    UnfollowCollectionOp,
)


def place_changes(
    upgrade: ops.UpgradeOps,
    wanted: Attachment,
    there: Attachment,
    alter: AlterCollectionOp | None = None,
) -> None:
    """Put what a collection needs among the changes of its table.

    Columns that its view reads change their type only while nothing reads them. Else, something
    else is read after columns are added, and before the old ones are dropped.

    Args:
        upgrade: the revision, with the changes of all tables.
        wanted: the collection as the model declares it.
        there: the collection as the database has it.
        alter: what of it has to change; None: nothing.
    """
    changes = [
        op
        for op in upgrade.ops
        if isinstance(op, ops.ModifyTableOps)
        and (op.schema, op.table_name) == (wanted.schema, wanted.table)
    ]
    parts = [part for change in changes for part in change.ops]
    if _is_in_the_way(parts, {*there.key, *there.types}):
        opening, closing = _around(wanted, alter)
        changes[0].ops.insert(0, opening)
        changes[-1].ops += closing
    elif alter is not None:
        _place_alter(upgrade, changes, alter)


def _is_in_the_way(parts: Collection[MigrateOperation], read: Collection[str]) -> bool:
    """Return whether Postgres refuses these changes as long as a view reads these columns."""
    return any(
        isinstance(part, ops.AlterColumnOp)
        and part.modify_type is not None
        and part.column_name in read
        for part in parts
    )


def _around(
    wanted: Attachment, alter: AlterCollectionOp | None
) -> tuple[MigrateOperation, list[MigrateOperation]]:
    """Return what comes before the changes of a table, and what after them."""
    opening = UnfollowCollectionOp(wanted.name, wanted.table, schema=wanted.schema)
    if alter is None:
        return opening, [opening.reverse()]
    if not alter.follows:
        return opening, [opening.reverse(), alter]
    closing = alter.after_unfollow()
    return closing.reverse(), [closing]


def _place_alter(
    upgrade: ops.UpgradeOps, changes: list[ops.ModifyTableOps], alter: AlterCollectionOp
) -> None:
    for change in changes:
        for position, part in enumerate(change.ops):
            if isinstance(part, ops.DropColumnOp):
                change.ops.insert(position, alter)
                return
    upgrade.ops.append(alter)
