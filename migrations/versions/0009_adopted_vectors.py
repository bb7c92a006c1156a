"""Backfills may take the vectors that rows have already from a column of the application's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    schema = op.get_context().version_table_schema
    op.add_column("backfills", sa.Column("embedding_column", sa.Text), schema=schema)


def downgrade() -> None:
    schema = op.get_context().version_table_schema
    op.drop_column("backfills", "embedding_column", schema=schema)
