"""Who declares a collection: a chain of migrations, known by the table of its version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

OWNER = "embeddb_owner"
"""With this option of `context.configure` a chain has another name than that of its table."""

DEFAULT_SCHEMA = "public"
"""The schema of what has none, where no database can be asked."""


def owner_of(migration: MigrationContext) -> str:
    """Return the name of a chain: the option's, else its version table with the schema."""
    chosen: str | None = migration.opts.get(OWNER)
    schema = migration.version_table_schema or own_schema(migration)
    return chosen or schema + "." + migration.version_table


def own_schema(migration: MigrationContext) -> str:
    """Return the schema in which this session creates what is named without one."""
    connection = migration.connection
    if migration.as_sql or connection is None:
        return DEFAULT_SCHEMA
    found: str | None = connection.scalar(sa.func.pg_catalog.current_schema().select())
    return found or DEFAULT_SCHEMA
