"""Transforms, and what a generation is to become."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from psycopg import sql
from sqlalchemy.dialects import postgresql as pg

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    schema = op.get_context().version_table_schema
    now = sa.text("pg_catalog.now()")
    reference = (schema + "." if schema else "") + "transforms.id"
    op.create_table(
        "transforms",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("words", pg.JSONB, nullable=False),
        sa.Column("steps", pg.JSONB, nullable=False),
        sa.Column("input_dim", sa.Integer, nullable=False),
        sa.Column("dim", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("is_leading", sa.Boolean, nullable=False),
        sa.Column("is_unit", sa.Boolean, nullable=False),
        sa.Column("is_isometric", sa.Boolean, nullable=False),
        sa.Column("fitted_rows", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.UniqueConstraint("fingerprint", name="transforms_fingerprint_key"),
        schema=schema,
    )
    op.create_table(
        "transform_rows",
        sa.Column("transform_id", sa.BigInteger, sa.ForeignKey(reference, ondelete="CASCADE")),
        sa.Column("step", sa.Integer),
        sa.Column("row_no", sa.Integer),
        sa.Column("weights", pg.ARRAY(sa.REAL), nullable=False),
        sa.Column("bias", sa.REAL, nullable=False),
        sa.PrimaryKeyConstraint("transform_id", "step", "row_no", name="transform_rows_pkey"),
        schema=schema,
    )
    op.add_column(
        "generations",
        sa.Column("transform_id", sa.BigInteger, sa.ForeignKey(reference)),
        schema=schema,
    )
    op.add_column("generations", sa.Column("wanted", pg.JSONB), schema=schema)
    op.add_column(
        "generations",
        sa.Column("layout", pg.JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
        schema=schema,
    )


def downgrade() -> None:
    schema = op.get_context().version_table_schema
    generations = sa.table(
        "generations",
        sa.column("storage"),
        sa.column("transform_id"),
        sa.column("layout", pg.JSONB),
        schema=schema,
    )
    if not op.get_context().as_sql:
        newer = sa.or_(
            generations.c.storage.in_(["int8", "bit"]),
            generations.c.transform_id.isnot(None),
            generations.c.layout != sa.text("'{}'::jsonb"),
        )
        count = op.get_bind().scalar(
            sa.select(sa.func.count()).select_from(generations).where(newer)
        )
        if count:
            from embeddb.errors import MigrationError

            raise MigrationError(
                f"{count} generation(s) are stored as int8 or bit, through a transform or by a "
                "layout, which revision 0001 does not know: convert or drop those collections "
                "first."
            )
    function = sql.Identifier(*filter(None, [schema]), "filter_part")
    drop = sql.SQL("DROP FUNCTION IF EXISTS {}(jsonb, text)").format(function).as_string(None)
    op.execute(drop.replace(":", r"\:"))  # a colon would begin a parameter
    for column in ("layout", "wanted", "transform_id"):
        op.drop_column("generations", column, schema=schema)
    op.drop_table("transform_rows", schema=schema)
    op.drop_table("transforms", schema=schema)
