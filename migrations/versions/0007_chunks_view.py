"""A view of the chunks of each collection, whose name stays when the generation changes.

The views come with the search functions, which every migration to the newest revision creates.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from psycopg import sql

revision = "0007"
down_revision = "0006"

MARK = "embeddb: the chunks of"


def upgrade() -> None:
    """Change nothing here: the views are created after it."""


def downgrade() -> None:
    if op.get_context().as_sql:
        return  # scripts only go up
    schema = op.get_context().version_table_schema or "public"
    relation = sa.table("pg_class", sa.column("oid"), sa.column("relname"), schema="pg_catalog")
    namespace = sa.table("pg_namespace", sa.column("oid"), sa.column("nspname"))
    comment = sa.func.pg_catalog.obj_description(relation.c.oid, "pg_class")
    owner = sa.select(namespace.c.oid).where(namespace.c.nspname == schema).scalar_subquery()
    found = op.get_bind().execute(
        sa.select(relation.c.relname).where(
            sa.column("relnamespace") == owner,
            sa.column("relkind") == "v",
            sa.func.pg_catalog.starts_with(comment, MARK),
        )
    )
    for name in found.scalars().all():
        drop = sql.SQL("DROP VIEW {}").format(sql.Identifier(schema, name)).as_string(None)
        op.execute(drop.replace(":", r"\:"))  # a colon would begin a parameter
