"""The catalog: models, collections, generations and the history of recall."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from psycopg import sql
from sqlalchemy.dialects import postgresql as pg

revision = "0001"
down_revision = None


def upgrade() -> None:
    schema = op.get_context().version_table_schema
    now = sa.text("pg_catalog.now()")
    op.create_table(
        "models",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("revision", sa.Text),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("modality", sa.Text, nullable=False),
        sa.Column("dim", sa.Integer, nullable=False),
        sa.Column("max_tokens", sa.Integer),
        sa.Column("query_prompt", sa.Text, nullable=False),
        sa.Column("document_prompt", sa.Text, nullable=False),
        sa.Column("normalized", sa.Boolean, nullable=False),
        sa.Column("dtype", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.UniqueConstraint("name", "fingerprint", name="models_name_fingerprint_key"),
        schema=schema,
    )
    op.create_table(
        "collections",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("active_generation", sa.Integer),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.UniqueConstraint("name", name="collections_name_key"),
        schema=schema,
    )
    reference = (schema + "." if schema else "") + "collections.id"
    models = (schema + "." if schema else "") + "models.id"
    op.create_table(
        "generations",
        sa.Column("collection_id", sa.BigInteger, sa.ForeignKey(reference, ondelete="CASCADE")),
        sa.Column("number", sa.Integer),
        sa.Column("model_id", sa.BigInteger, sa.ForeignKey(models)),
        sa.Column("dim", sa.Integer, nullable=False),
        sa.Column("distance", sa.Text, nullable=False),
        sa.Column("storage", sa.Text, nullable=False),
        sa.Column("normalize", sa.Boolean, nullable=False),
        sa.Column("chunker", pg.JSONB, nullable=False),
        sa.Column("index_spec", pg.JSONB),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.CheckConstraint(
            "state IN ('building', 'ready', 'active', 'retired')", name="generations_state_check"
        ),
        sa.PrimaryKeyConstraint("collection_id", "number", name="generations_pkey"),
        schema=schema,
    )
    op.create_table(
        "recall_history",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column(
            "collection_id",
            sa.BigInteger,
            sa.ForeignKey(reference, ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("recall", sa.Double, nullable=False),
        sa.Column("limit", sa.Integer, nullable=False),
        sa.Column("sample", sa.Integer, nullable=False),
        sa.Column("settings", pg.JSONB, nullable=False),
        sa.Index("recall_history_collection_idx", "collection_id", "measured_at"),
        schema=schema,
    )


def downgrade() -> None:
    schema = op.get_context().version_table_schema
    collections = sa.table("collections", sa.column("id"), schema=schema)
    if not op.get_context().as_sql:
        count = op.get_bind().scalar(sa.select(sa.func.count()).select_from(collections))
        if count:
            from embeddb.errors import MigrationError

            raise MigrationError(
                f"The catalog still knows {count} collection(s), and going below revision 0001 "
                "would orphan their tables: drop them first with `embeddb collection drop`."
            )
    function = sql.Identifier(*filter(None, [schema]), "filter_path")
    drop = sql.SQL("DROP FUNCTION IF EXISTS {}(jsonb)").format(function).as_string(None)
    op.execute(drop.replace(":", r"\:"))  # a colon would begin a parameter
    for table in ("recall_history", "generations", "collections", "models"):
        op.drop_table(table, schema=schema)
