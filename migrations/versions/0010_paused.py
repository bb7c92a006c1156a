"""Whether a collection is paused: workers leave its queue alone, and triggers go on filling it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from psycopg import sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column(
        "collections",
        sa.Column("paused_at", sa.DateTime(timezone=True)),
        schema=op.get_context().version_table_schema,
    )


def downgrade() -> None:
    schema = op.get_context().version_table_schema
    view = sql.Identifier(*filter(None, [schema]), "status")
    drop = sql.SQL("DROP VIEW IF EXISTS {}").format(view).as_string(None)
    op.execute(drop.replace(":", r"\:"))  # a colon would begin a parameter
    op.drop_column("collections", "paused_at", schema=schema)
