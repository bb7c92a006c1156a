"""Whose the transaction is that a migration runs in: Alembic's own, or one that env.py holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alembic.util import CommandError

from embeddb.db.borrowed import is_autocommit

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

REMEDY = (
    "In env.py connect with engine.connect() in the place of engine.begin(), and let "
    "context.begin_transaction() begin the transaction"
)


def is_held_open(migration: MigrationContext) -> bool:
    """Return whether a transaction is open that Alembic has not begun, and so cannot complete."""
    connection = migration.connection
    return (
        connection is not None
        and connection.in_transaction()
        and migration._transaction is None
        and not is_autocommit(connection)
    )


@contextmanager
def outside(migration: MigrationContext, what: str, instead: str = "") -> Iterator[None]:
    """Leave the migration's transaction for the block, having committed it.

    Args:
        migration: what runs.
        what: what cannot be done inside of a transaction, for the message.
        instead: what else the author of the revision may do.

    Raises:
        CommandError: the transaction is another's to commit.
    """
    connection = migration.connection
    if migration.as_sql or connection is None:
        with migration.autocommit_block():
            yield
        return
    if is_held_open(migration):
        raise CommandError(
            f"{what}, and env.py holds one open around the migrations. {REMEDY}{instead}."
        )
    if migration._transaction is None and connection.in_transaction():
        yield  # in autocommit mode there is nothing to leave
        return
    with migration.autocommit_block():
        yield
