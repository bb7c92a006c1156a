"""Collections attached to tables of the application, the queue that keeps them true, workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from psycopg import sql
from sqlalchemy.dialects import postgresql as pg

revision = "0003"
down_revision = "0002"

QUEUE_SETTINGS = sql.SQL(
    "ALTER TABLE {} SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, "
    "autovacuum_vacuum_threshold = 500, autovacuum_vacuum_insert_scale_factor = 0.05, "
    "autovacuum_analyze_scale_factor = 0.05)"
)
"""Every row of a queue is soon changed, then dead: room for HOT updates, and vacuum in time."""


def upgrade() -> None:
    schema = op.get_context().version_table_schema
    now = sa.text("pg_catalog.clock_timestamp()")
    time = sa.DateTime(timezone=True)
    zero = sa.text("0")
    reference = (schema + "." if schema else "") + "collections.id"
    op.add_column("collections", sa.Column("source", pg.JSONB), schema=schema)
    # without a foreign key, which would ask for the collection once a row: 100,000 times for one
    # COPY of the application's; whoever drops a collection drops its jobs
    op.create_table(
        "jobs",
        sa.Column("collection_id", sa.BigInteger),
        sa.Column("key", sa.Text(collation="C")),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=zero),
        sa.Column("enqueued_at", time, nullable=False, server_default=now),
        sa.Column("available_at", time, nullable=False, server_default=now),
        sa.Column("token", sa.Uuid),
        sa.Column("leased_until", time),
        sa.Column("last_error", sa.Text),
        sa.PrimaryKeyConstraint("collection_id", "key", name="jobs_pkey"),
        sa.Index("jobs_available_idx", "collection_id", "available_at"),
        schema=schema,
    )
    jobs = sql.Identifier(*filter(None, [schema]), "jobs")
    alter = QUEUE_SETTINGS.format(jobs).as_string(None)
    op.execute(alter.replace(":", r"\:"))  # a colon would begin a parameter
    op.create_table(
        "failed_jobs",
        sa.Column("collection_id", sa.BigInteger, sa.ForeignKey(reference, ondelete="CASCADE")),
        sa.Column("key", sa.Text(collation="C")),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("failed_at", time, nullable=False, server_default=now),
        sa.PrimaryKeyConstraint("collection_id", "key", name="failed_jobs_pkey"),
        schema=schema,
    )
    op.create_table(
        "backfills",
        sa.Column("collection_id", sa.BigInteger, sa.ForeignKey(reference, ondelete="CASCADE")),
        sa.Column("last_key", pg.JSONB),
        sa.Column("total", sa.BigInteger),
        sa.Column("done", sa.BigInteger, nullable=False, server_default=zero),
        sa.Column("started_at", time),
        sa.Column("finished_at", time),
        sa.PrimaryKeyConstraint("collection_id", name="backfills_pkey"),
        schema=schema,
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.Uuid),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("started_at", time, nullable=False, server_default=now),
        sa.Column("seen_at", time, nullable=False, server_default=now),
        # NULL: it serves every collection
        sa.Column("collections", pg.ARRAY(sa.Text)),
        sa.Column("processed", sa.BigInteger, nullable=False, server_default=zero),
        sa.Column("failed", sa.BigInteger, nullable=False, server_default=zero),
        sa.Column("wasted", sa.BigInteger, nullable=False, server_default=zero),
        # documents a minute by collection, as the worker last measured them
        sa.Column("rates", pg.JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
        sa.PrimaryKeyConstraint("id", name="workers_pkey"),
        schema=schema,
    )


def downgrade() -> None:
    schema = op.get_context().version_table_schema
    collections = sa.table("collections", sa.column("source", pg.JSONB), schema=schema)
    if not op.get_context().as_sql:
        attached = sa.select(sa.func.count()).where(collections.c.source.isnot(None))
        count = op.get_bind().scalar(attached)
        if count:
            from embeddb.errors import MigrationError

            raise MigrationError(
                f"{count} collection(s) are attached to tables, which revision 0002 does not "
                "know: take them off first with `embeddb detach`."
            )
    status = sql.Identifier(*filter(None, [schema]), "status")
    drop = sql.SQL("DROP VIEW IF EXISTS {}").format(status).as_string(None)
    op.execute(drop.replace(":", r"\:"))  # a colon would begin a parameter
    search = sql.Identifier(*filter(None, [schema]), "search")
    drop = sql.SQL("DROP FUNCTION IF EXISTS {}").format(search).as_string(None)
    op.execute(drop.replace(":", r"\:"))
    for table in ("workers", "backfills", "failed_jobs", "jobs"):
        op.drop_table(table, schema=schema)
    op.drop_column("collections", "source", schema=schema)
