"""How far each attached collection has been compared with its table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    schema = op.get_context().version_table_schema
    time = sa.DateTime(timezone=True)
    zero = sa.text("0")
    reference = (schema + "." if schema else "") + "collections.id"
    # a collection without a row was never compared, so that it is due
    op.create_table(
        "reconciliations",
        sa.Column("collection_id", sa.BigInteger, sa.ForeignKey(reference, ondelete="CASCADE")),
        # chunks are compared with rows first, then rows with chunks
        sa.Column("phase", sa.Text, nullable=False, server_default=sa.text("'chunks'")),
        sa.Column("last_key", sa.Text),
        sa.Column("looked_at", sa.BigInteger, nullable=False, server_default=zero),
        sa.Column("removed", sa.BigInteger, nullable=False, server_default=zero),
        sa.Column("enqueued", sa.BigInteger, nullable=False, server_default=zero),
        sa.Column("started_at", time),
        sa.Column("finished_at", time),
        sa.PrimaryKeyConstraint("collection_id", name="reconciliations_pkey"),
        schema=schema,
    )


def downgrade() -> None:
    op.drop_table("reconciliations", schema=op.get_context().version_table_schema)
